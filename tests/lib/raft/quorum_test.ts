import { assertEquals } from "@std/assert";
import {
  jointCommitted,
  jointVote,
  majorityCommitted,
  majorityVote,
} from "../../../lib/raft/quorum.ts";

/** Indexes by id; a missing one is 0. */
function reached(indexes: Record<number, number>): (id: number) => number {
  return (id) => indexes[id] ?? 0;
}

const commits: readonly [
  name: string,
  voters: number[],
  indexes: Record<number, number>,
  index: number,
][] = [
  ["has no bound without voters", [], {}, Infinity],
  ["is the only voter's", [1], { 1: 12 }, 12],
  ["is the lower of two", [1, 2], { 1: 12, 2: 5 }, 5],
  ["is 0 when one of two has nothing", [1, 2], { 1: 12 }, 0],
  ["is the middle of three", [1, 2, 3], { 1: 5, 2: 6, 3: 12 }, 6],
  ["is equal when all are equal", [1, 2, 3], { 1: 7, 2: 7, 3: 7 }, 7],
  ["needs two of three", [1, 2, 3], { 1: 100 }, 0],
  ["is the second lowest of four", [1, 2, 3, 4], { 1: 9, 2: 3, 3: 7, 4: 5 }, 5],
  [
    "is the middle of five",
    [1, 2, 3, 4, 5],
    { 1: 9, 2: 3, 3: 7, 4: 5, 5: 1 },
    5,
  ],
  ["does not care who is where", [3, 4, 5], { 5: 1, 4: 2, 3: 3 }, 2],
];

for (const [name, voters, indexes, index] of commits) {
  Deno.test(`majorityCommitted() ${name}`, () => {
    assertEquals(majorityCommitted(voters, reached(indexes)), index);
  });
}

Deno.test("majorityCommitted() is what a count by hand finds for all small groups", () => {
  for (let size = 1; size <= 5; size++) {
    const voters = Array.from({ length: size }, (_, at) => at + 1);
    for (let code = 0; code < 4 ** size; code++) {
      const index = (id: number) => Math.floor(code / 4 ** (id - 1)) % 4;
      const best = [3, 2, 1, 0].find((at) =>
        voters.filter((id) => index(id) >= at).length > size / 2
      );
      assertEquals(majorityCommitted(voters, index), best);
    }
  }
});

Deno.test("jointCommitted() is the lower of both halves", () => {
  const at = reached({ 1: 10, 2: 10, 3: 2, 4: 5, 5: 5, 6: 20 });
  assertEquals(jointCommitted([1, 2, 3], [4, 5, 6], at), 5);
  assertEquals(jointCommitted([4, 5, 6], [1, 2, 3], at), 5);
});

Deno.test("jointCommitted() is that of one half when the other is empty", () => {
  const at = reached({ 1: 10, 2: 4, 3: 2 });
  assertEquals(jointCommitted([1, 2, 3], [], at), 4);
  assertEquals(jointCommitted([], [1, 2, 3], at), 4);
});

const polls: readonly [
  name: string,
  voters: number[],
  yes: number[],
  no: number[],
  result: string,
][] = [
  ["is won without voters", [], [], [], "won"],
  ["is pending when nobody answered", [1, 2, 3], [], [], "pending"],
  ["is pending with one of three", [1, 2, 3], [1], [], "pending"],
  ["is won with two of three", [1, 2, 3], [1, 3], [], "won"],
  ["is won with two of three against one", [1, 2, 3], [1, 3], [2], "won"],
  ["is lost with two of three against", [1, 2, 3], [1], [2, 3], "lost"],
  ["is pending with one for and one against", [1, 2, 3], [1], [2], "pending"],
  ["needs three of four", [1, 2, 3, 4], [1, 2], [], "pending"],
  ["is lost with two of four against", [1, 2, 3, 4], [1], [2, 3], "lost"],
  ["is lost when the only one of two left says no", [1, 2], [1], [2], "lost"],
  ["does not count who may not vote", [1, 2, 3], [1, 7, 8], [], "pending"],
];

for (const [name, voters, yes, no, result] of polls) {
  Deno.test(`majorityVote() ${name}`, () => {
    const votes = new Map([
      ...yes.map((id) => [id, true] as const),
      ...no.map((id) => [id, false] as const),
    ]);
    assertEquals(majorityVote(voters, votes), result);
  });
}

const joint: readonly [
  name: string,
  yes: number[],
  no: number[],
  result: string,
][] = [
  ["is won when both halves are", [1, 2, 4, 5], [], "won"],
  ["is pending while one half is", [1, 2, 4], [], "pending"],
  ["is lost when the incoming half is", [4, 5], [1, 2], "lost"],
  ["is lost when the outgoing half is, the other won", [1, 2], [4, 5], "lost"],
  ["is lost when one half is, the other pending", [1], [4, 5], "lost"],
];

for (const [name, yes, no, result] of joint) {
  Deno.test(`jointVote() ${name}`, () => {
    const votes = new Map([
      ...yes.map((id) => [id, true] as const),
      ...no.map((id) => [id, false] as const),
    ]);
    assertEquals(jointVote([1, 2, 3], [4, 5, 6], votes), result);
  });
}
