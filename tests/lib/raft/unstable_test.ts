import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { InvariantViolation } from "../../../lib/invariant.ts";
import type { Entry } from "../../../lib/raft/types.ts";
import { Unstable } from "../../../lib/raft/unstable.ts";
import { log, members, snapshotAt } from "../../fixtures/raft_network.ts";

function unstable(offset: number, entries: readonly Entry[] = []): Unstable {
  const one = new Unstable(offset);
  if (entries.length > 0) one.truncateAndAppend(entries);
  return one;
}

const snapshot = snapshotAt(4, 1, members([1]));

Deno.test("Unstable knows nothing while all is durable", () => {
  const one = unstable(5);
  assertEquals(one.lastIndex, undefined);
  assertEquals(one.term(4), undefined);
  assertEquals(one.term(5), undefined);
  assertFalse(one.hasEntries);
  assertFalse(one.hasNext);
  assertEquals(one.nextEntries(), []);
});

Deno.test("Unstable knows terms and last index of its entries", () => {
  const one = unstable(5, log([1, 2], 5));
  assertEquals(one.lastIndex, 6);
  assertEquals([4, 5, 6, 7].map((at) => one.term(at)), [
    undefined,
    1,
    2,
    undefined,
  ]);
});

Deno.test("Unstable knows term and last index of its snapshot", () => {
  const one = unstable(3);
  one.restore(snapshot);
  assertEquals([one.lastIndex, one.term(4), one.term(3)], [4, 1, undefined]);
  one.truncateAndAppend(log([1], 5));
  assertEquals(one.lastIndex, 5);
});

const appends: readonly [
  name: string,
  first: number,
  terms: number[],
  after: number[],
  offset: number,
][] = [
  ["adds at the end", 7, [2, 2], [1, 1, 2, 2], 5],
  ["replaces the tail", 6, [2, 2], [1, 2, 2], 5],
  ["replaces all from the offset", 5, [2], [2], 5],
  ["replaces all from before the offset", 3, [2, 2], [2, 2], 3],
];

for (const [name, first, terms, after, offset] of appends) {
  Deno.test(`Unstable truncateAndAppend() ${name}`, () => {
    const one = unstable(5, log([1, 1], 5));
    one.truncateAndAppend(log(terms, first));
    assertEquals(one.offset, offset);
    assertEquals(
      one.slice(offset, one.lastIndex! + 1, Infinity),
      log(after, offset),
    );
  });
}

Deno.test("Unstable truncateAndAppend() refuses a gap", () => {
  assertThrows(
    () => unstable(5, log([1], 5)).truncateAndAppend(log([1], 7)),
    InvariantViolation,
  );
});

Deno.test("Unstable gives entries out once", () => {
  const one = unstable(5, log([1, 1], 5));
  assertEquals(one.nextEntries().length, 2);
  one.acceptInProgress();
  assertFalse(one.hasNext);
  one.truncateAndAppend(log([1], 7));
  assertEquals(one.nextEntries(), log([1], 7));
});

Deno.test("Unstable gives out again what was replaced while on its way", () => {
  const one = unstable(5, log([1, 1, 1], 5));
  one.acceptInProgress();
  one.truncateAndAppend(log([2], 6));
  assertEquals(one.nextEntries(), log([2], 6));
});

Deno.test("Unstable gives its snapshot out once", () => {
  const one = unstable(3);
  one.restore(snapshot);
  assertEquals(one.nextSnapshot(), snapshot);
  one.acceptInProgress();
  assertEquals(one.nextSnapshot(), undefined);
  assertEquals(one.snapshot, snapshot);
});

const notices: readonly [
  name: string,
  index: number,
  term: number,
  offset: number,
][] = [
  ["of all", 7, 2, 8],
  ["of some", 5, 1, 6],
  ["of another term: the entry was replaced", 7, 1, 5],
  ["of what is durable already", 4, 1, 5],
  ["of what was cut off", 8, 2, 5],
];

for (const [name, index, term, offset] of notices) {
  Deno.test(`Unstable stableTo() with a notice ${name} ends at ${offset}`, () => {
    const one = unstable(5, log([1, 1, 2], 5));
    one.acceptInProgress();
    assertEquals(one.stableTo(index, term), offset > 5);
    assertEquals(one.offset, offset);
    assertFalse(one.hasNext);
  });
}

Deno.test("Unstable stableTo() counts what was never given out as durable too", () => {
  const one = unstable(5, log([1, 1], 5));
  one.stableTo(5, 1);
  assertEquals(one.nextEntries(), log([1], 6));
});

Deno.test("Unstable stableTo() of a snapshot's place keeps the snapshot", () => {
  const one = unstable(3);
  one.restore(snapshot);
  assertFalse(one.stableTo(4, 1));
  assertEquals(one.snapshot, snapshot);
});

Deno.test("Unstable stableSnapshotTo() keeps a newer snapshot", () => {
  const one = unstable(3);
  one.restore(snapshot);
  one.stableSnapshotTo(3);
  assert(one.snapshot);
  one.stableSnapshotTo(4);
  assertEquals(one.snapshot, undefined);
  assertEquals(one.nextSnapshot(), undefined);
});

Deno.test("Unstable restore() replaces every entry", () => {
  const one = unstable(2, log([1, 1], 2));
  one.acceptInProgress();
  one.restore(snapshot);
  assertEquals([one.offset, one.lastIndex, one.hasNext], [5, 4, false]);
});

Deno.test("Unstable slice() gives one entry at least, then what fits", () => {
  const one = unstable(5, log([1, 1, 1], 5));
  assertEquals(one.slice(5, 8, 0), log([1], 5));
  assertEquals(one.slice(6, 8, Infinity), log([1, 1], 6));
});
