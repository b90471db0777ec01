import { assert, assertEquals } from "@std/assert";
import {
  assignPartitions,
  partitionMoves,
} from "../../../lib/registry/group.ts";
import type { GroupMember } from "../../../proto/messages/state.ts";
import { seededRandom } from "../../../lib/random.ts";

function member(
  serviceId: string,
  assigned: number[] = [],
  preferences: number[] = [],
): GroupMember {
  return { serviceId, assigned, preferences };
}

function shares(members: readonly GroupMember[], partitions: number) {
  return Object.fromEntries(assignPartitions(members, partitions));
}

Deno.test("assignPartitions() shares out evenly, in order of ids", () => {
  assertEquals(shares([member("b"), member("a")], 5), {
    a: [0, 1, 2],
    b: [3, 4],
  });
  assertEquals(shares([member("a"), member("b"), member("c")], 2), {
    a: [0],
    b: [1],
    c: [],
  });
  assertEquals(shares([], 3), {});
});

Deno.test("assignPartitions() moves to a newcomer only its share", () => {
  assertEquals(
    shares([member("a", [0, 1, 2]), member("b", [3, 4, 5]), member("c")], 6),
    { a: [0, 1], b: [3, 4], c: [2, 5] },
  );
});

Deno.test("assignPartitions() leaves everyone what they have when one goes", () => {
  assertEquals(
    shares([member("a", [0, 5]), member("c", [1, 4])], 6),
    { a: [0, 2, 5], c: [1, 3, 4] },
  );
});

Deno.test("assignPartitions() gives the one more to whoever has it already", () => {
  assertEquals(shares([member("a", [0]), member("b", [1, 2])], 3), {
    a: [0],
    b: [1, 2],
  });
});

Deno.test("assignPartitions() honours preferences where balance and what is held allow", () => {
  assertEquals(
    shares([member("a", [], [3, 1]), member("b", [], [3, 0])], 4),
    { a: [1, 3], b: [0, 2] },
  );
  // The newcomer's wish decides which partition is given up, not how many.
  assertEquals(
    shares([member("a", [0, 1, 2, 3]), member("b", [], [0, 1])], 4),
    { a: [2, 3], b: [0, 1] },
  );
  assertEquals(
    shares([member("a", [0, 1, 2, 3], [0, 1]), member("b", [], [0, 1])], 4),
    { a: [0, 1], b: [2, 3] },
  );
  assertEquals(shares([member("a", [], [99])], 2), { a: [0, 1] });
});

Deno.test("assignPartitions() drops partitions over the count", () => {
  assertEquals(shares([member("a", [0, 9]), member("b", [8, 1])], 4), {
    a: [0, 2],
    b: [1, 3],
  });
});

Deno.test("assignPartitions() is balanced, whole and moves as little as can be, whatever comes and goes", () => {
  const seed = Math.floor(performance.timeOrigin) >>> 0;
  const random = seededRandom(seed);
  const below = (n: number) => Math.floor(random() * n);
  let members: GroupMember[] = [];
  for (let round = 0; round < 2_000; round++) {
    const partitions = 1 + below(20);
    members = members.filter(() => random() < 0.8);
    while (random() < 0.6 && members.length < 8) {
      const preferences = Array.from({ length: below(4) }, () => below(20));
      members.push(member(`m-${round}-${members.length}`, [], preferences));
    }
    const assigned = assignPartitions(members, partitions);
    const given = [...assigned.values()];
    if (members.length > 0) {
      assertEquals(
        given.flat().sort((a, b) => a - b),
        Array.from({ length: partitions }, (_, i) => i),
        `SEED ${seed}`,
      );
      const sizes = given.map(({ length }) => length);
      assert(Math.max(...sizes) - Math.min(...sizes) <= 1, `SEED ${seed}`);
      assertEquals(
        keptBy(members, assigned),
        mostKept(members, partitions),
        `SEED ${seed}`,
      );
    }
    members = members.map((each) => ({
      ...each,
      assigned: [...assigned.get(each.serviceId)!],
    }));
  }
});

/** How many partitions stay where they are. */
function keptBy(
  members: readonly GroupMember[],
  assigned: ReadonlyMap<string, readonly number[]>,
): number {
  return members.reduce((sum, { serviceId, assigned: before }) => {
    const after = new Set(assigned.get(serviceId));
    return sum + before.filter((partition) => after.has(partition)).length;
  }, 0);
}

/** The most that can stay in any balanced assignment, by trying every way to give the ones more. */
function mostKept(members: readonly GroupMember[], partitions: number): number {
  const base = Math.floor(partitions / members.length);
  const extra = partitions % members.length;
  const held = members.map(({ assigned }) =>
    assigned.filter((partition) => partition < partitions).length
  );
  let best = 0;
  for (let chosen = 0; chosen < 2 ** members.length; chosen++) {
    const more = held.map((_, i) => chosen >>> i & 1);
    if (more.reduce((sum, each) => sum + each, 0) !== extra) continue;
    const kept = held.reduce(
      (sum, each, i) => sum + Math.min(each, base + more[i]!),
      0,
    );
    best = Math.max(best, kept);
  }
  return best;
}

Deno.test("partitionMoves() is the difference to what was told", () => {
  assertEquals(partitionMoves([0, 1], [1, 2]), { revoke: [0], assign: [2] });
  assertEquals(partitionMoves([1], [1]), { revoke: [], assign: [] });
});
