import { assertEquals, assertThrows } from "@std/assert";
import { InvariantViolation } from "../../../lib/invariant.ts";
import {
  emptySnapshot,
  MemoryStorage,
} from "../../../lib/raft/memory_storage.ts";
import {
  bytes,
  log,
  members,
  snapshotAt,
  storageWith,
} from "../../fixtures/raft_network.ts";

/** Entries 4 to 6 of terms 3, 4, 5 behind a snapshot at 3. */
function storage(): MemoryStorage {
  const one = new MemoryStorage(snapshotAt(3, 3, members([1])));
  one.append(log([3, 4, 5], 4));
  return one;
}

Deno.test("MemoryStorage starts empty, before index 1", () => {
  const one = new MemoryStorage();
  assertEquals([one.firstIndex(), one.lastIndex(), one.term(0)], [1, 0, 0]);
  assertEquals(one.snapshot(), emptySnapshot);
  assertEquals(one.initialState(), {
    hardState: { term: 0, vote: 0, commit: 0 },
    confState: members([]),
    applied: 0,
  });
});

Deno.test("MemoryStorage starts from a snapshot that holds the first members", () => {
  const one = new MemoryStorage(snapshotAt(3, 3, members([1, 2])));
  assertEquals([one.firstIndex(), one.lastIndex(), one.term(3)], [4, 3, 3]);
  assertEquals(one.initialState().confState, members([1, 2]));
  assertEquals(one.initialState().hardState.commit, 3);
  assertEquals(one.initialState().applied, 3);
});

Deno.test("MemoryStorage refuses a snapshot without a term", () => {
  assertThrows(
    () => new MemoryStorage(snapshotAt(3, 0, members([1]))),
    InvariantViolation,
  );
});

Deno.test("MemoryStorage term() knows the snapshot's and all entries'", () => {
  assertEquals([3, 4, 5, 6].map((at) => storage().term(at)), [3, 3, 4, 5]);
});

for (const index of [2, 7]) {
  Deno.test(`MemoryStorage term() of ${index}, outside of 3 to 6, is a bug`, () => {
    assertThrows(() => storage().term(index), InvariantViolation);
  });
}

Deno.test("MemoryStorage entries() gives what was asked for", () => {
  assertEquals(storage().entries(4, 7, Infinity), log([3, 4, 5], 4));
  assertEquals(storage().entries(5, 6, Infinity), log([4], 5));
});

Deno.test("MemoryStorage entries() gives one at least, then what fits", () => {
  assertEquals(storage().entries(4, 7, 0).length, 1);
  assertEquals(storage().entries(4, 7, 2 * 19).length, 2);
  assertEquals(storage().entries(4, 7, 2 * 19 - 1).length, 1);
});

for (const [lo, hi] of [[3, 5], [5, 8]] as const) {
  Deno.test(`MemoryStorage entries() from ${lo} to ${hi}, outside of 4 to 7, is a bug`, () => {
    assertThrows(() => storage().entries(lo, hi, 1), InvariantViolation);
  });
}

const appends: readonly [
  name: string,
  first: number,
  terms: number[],
  after: number[],
][] = [
  ["nothing", 0, [], [3, 4, 5]],
  ["at the end", 7, [5], [3, 4, 5, 5]],
  ["in place of the tail", 5, [6], [3, 6]],
  ["in place of all", 4, [6, 6, 6, 6], [6, 6, 6, 6]],
];

for (const [name, first, terms, after] of appends) {
  Deno.test(`MemoryStorage append() ${name}`, () => {
    const one = storage();
    one.append(log(terms, first));
    const end = one.lastIndex() + 1;
    assertEquals(one.entries(4, end, Infinity).map(({ term }) => term), after);
  });
}

for (const first of [3, 8]) {
  Deno.test(`MemoryStorage append() at ${first}, outside of 4 to 7, is a bug`, () => {
    assertThrows(() => storage().append(log([6], first)), InvariantViolation);
  });
}

Deno.test("MemoryStorage applySnapshot() replaces the log", () => {
  const one = storage();
  one.applySnapshot(snapshotAt(5, 4, members([1, 2])));
  assertEquals([one.firstIndex(), one.lastIndex(), one.term(5)], [6, 5, 4]);
  assertEquals(one.initialState().confState, members([1, 2]));
});

Deno.test("MemoryStorage applySnapshot() refuses an older one", () => {
  assertThrows(
    () => storage().applySnapshot(snapshotAt(3, 3, members([1]))),
    InvariantViolation,
  );
});

Deno.test("MemoryStorage createSnapshot() leaves the log until it is compacted", () => {
  const one = storage();
  one.createSnapshot(5, members([1, 9]), bytes("state"));
  assertEquals([one.firstIndex(), one.lastIndex()], [4, 6]);
  assertEquals(one.initialState().applied, 5);
  assertEquals(one.snapshot()?.term, 4);
  one.compact(5);
  assertEquals([one.firstIndex(), one.lastIndex(), one.term(5)], [6, 6, 4]);
});

Deno.test("MemoryStorage compact() does nothing twice", () => {
  const one = storage();
  one.compact(3);
  one.compact(2);
  assertEquals(one.firstIndex(), 4);
});

Deno.test("MemoryStorage compact() refuses to drop what is in no snapshot", () => {
  assertThrows(() => storage().compact(4), InvariantViolation);
});

Deno.test("MemoryStorage setHardState() is what the next start finds", () => {
  const one = storageWith([1], log([1, 2]));
  one.setHardState({ term: 7, vote: 2, commit: 1 });
  assertEquals(one.initialState().hardState, { term: 7, vote: 2, commit: 1 });
});
