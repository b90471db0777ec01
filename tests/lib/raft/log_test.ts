import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { InvariantViolation } from "../../../lib/invariant.ts";
import { entryFrameBytes } from "../../../lib/raft/entry_size.ts";
import { RaftLog } from "../../../lib/raft/log.ts";
import { MemoryStorage } from "../../../lib/raft/memory_storage.ts";
import {
  bytes,
  log,
  members,
  snapshotAt,
  storageWith,
} from "../../fixtures/raft_network.ts";

/** A log whose first terms are durable and whose others are not. */
function raftLog(
  durable: number[],
  unstable: number[] = [],
  maxBytes = Infinity,
): RaftLog {
  const one = new RaftLog(storageWith([1], log(durable)), maxBytes);
  if (unstable.length > 0) one.append(log(unstable, durable.length + 1));
  return one;
}

function terms(one: RaftLog): number[] {
  return one.slice(1, one.lastIndex() + 1, Infinity).map(({ term }) => term);
}

Deno.test("RaftLog shows storage and what is on its way as one", () => {
  const one = raftLog([1, 1], [2, 3]);
  assertEquals([one.firstIndex(), one.lastIndex()], [1, 4]);
  assertEquals(one.last(), { index: 4, term: 3 });
  assertEquals([0, 1, 2, 3, 4, 5].map((at) => one.term(at)), [
    0,
    1,
    1,
    2,
    3,
    undefined,
  ]);
  assertEquals(terms(one), [1, 1, 2, 3]);
});

Deno.test("RaftLog term() is unknown before the first index", () => {
  const one = new RaftLog(
    new MemoryStorage(snapshotAt(5, 2, members([1]))),
    Infinity,
  );
  assertEquals([one.term(4), one.term(5)], [undefined, 2]);
  assertEquals([one.firstIndex(), one.lastIndex()], [6, 5]);
});

const upToDate: readonly [index: number, term: number, result: boolean][] = [
  [1, 4, true],
  [3, 4, true],
  [9, 4, true],
  [2, 3, false],
  [3, 3, true],
  [4, 3, true],
  [9, 2, false],
  [3, 2, false],
];

for (const [index, term, result] of upToDate) {
  Deno.test(`RaftLog that ends at 3/3 ${result ? "yields to" : "is ahead of"} one that ends at ${term}/${index}`, () => {
    assertEquals(raftLog([1, 2, 3]).isUpToDate({ index, term }), result);
  });
}

Deno.test("RaftLog append() refuses to replace a leader's own entries", () => {
  assertThrows(() => raftLog([1, 2]).append(log([3], 2)), InvariantViolation);
});

const takes: readonly [
  name: string,
  previous: [index: number, term: number],
  first: number,
  given: number[],
  last: number | undefined,
  after: number[],
][] = [
  [
    "refuses when the previous entry is of another term",
    [3, 2],
    4,
    [4],
    undefined,
    [1, 2, 3],
  ],
  ["refuses when the previous entry is missing", [4, 3], 5, [4], undefined, [
    1,
    2,
    3,
  ]],
  ["adds at the end", [3, 3], 4, [4, 4], 5, [1, 2, 3, 4, 4]],
  ["adds nothing when all is there", [1, 1], 2, [2, 3], 3, [1, 2, 3]],
  ["takes an empty append", [3, 3], 4, [], 3, [1, 2, 3]],
  ["keeps the matching suffix when an append comes late", [1, 1], 2, [2], 2, [
    1,
    2,
    3,
  ]],
  ["replaces from the first entry that differs", [1, 1], 2, [2, 4], 3, [
    1,
    2,
    4,
  ]],
  ["cuts off what follows an entry that differs", [1, 1], 2, [4], 2, [1, 4]],
  ["replaces all", [0, 0], 1, [5, 5], 2, [5, 5]],
];

for (const [name, [index, term], first, given, last, after] of takes) {
  for (const durable of [[1, 2, 3], [1], []]) {
    Deno.test(`RaftLog maybeAppend() with ${durable.length} durable ${name}`, () => {
      const one = raftLog(durable, [1, 2, 3].slice(durable.length));
      assertEquals(
        one.maybeAppend({ index, term }, log(given, first), 0),
        last,
      );
      assertEquals(terms(one), after);
    });
  }
}

Deno.test("RaftLog maybeAppend() keeps no buffer of the caller", () => {
  const one = raftLog([1]);
  const given = log([2, 2], 2);
  one.maybeAppend({ index: 1, term: 1 }, given, 0);
  for (const { data } of given) data.fill(0);
  assertEquals(one.slice(2, 4, Infinity), log([2, 2], 2));
});

Deno.test("RaftLog maybeAppend() commits no further than the last new entry", () => {
  const one = raftLog([1, 1, 1, 1]);
  one.maybeAppend({ index: 1, term: 1 }, log([1], 2), 4);
  assertEquals(one.committed, 2);
});

Deno.test("RaftLog maybeAppend() commits no further than the leader", () => {
  const one = raftLog([1]);
  one.maybeAppend({ index: 1, term: 1 }, log([1, 1], 2), 2);
  assertEquals(one.committed, 2);
});

Deno.test("RaftLog maybeAppend() stops the node when a committed entry would change", () => {
  const one = raftLog([1, 1, 1]);
  one.commitTo(2);
  assertThrows(
    () => one.maybeAppend({ index: 1, term: 1 }, log([2], 2), 2),
    InvariantViolation,
  );
});

const conflicts: readonly [
  index: number,
  term: number,
  at: number,
  itsTerm: number,
][] = [
  [7, 9, 7, 4],
  [7, 4, 7, 4],
  [7, 3, 5, 2],
  [7, 2, 5, 2],
  [7, 1, 2, 1],
  [7, 0, 0, 0],
  [2, 4, 2, 1],
  [9, 4, 9, 0],
];

for (const [index, term, at, itsTerm] of conflicts) {
  Deno.test(`RaftLog findConflict() from ${index} for term ${term} is ${itsTerm}/${at}`, () => {
    const one = raftLog([1, 1, 2, 2, 2], [4, 4]);
    assertEquals(one.findConflict(index, term), { index: at, term: itsTerm });
  });
}

Deno.test("RaftLog findConflict() ends where the log is compacted", () => {
  const one = new RaftLog(
    new MemoryStorage(snapshotAt(5, 4, members([1]))),
    Infinity,
  );
  assertEquals(one.findConflict(5, 2), { index: 4, term: 0 });
});

Deno.test("RaftLog commitTo() never goes back", () => {
  const one = raftLog([1, 1, 1]);
  one.commitTo(2);
  one.commitTo(1);
  assertEquals(one.committed, 2);
});

Deno.test("RaftLog commitTo() stops at the end of the log", () => {
  assertThrows(() => raftLog([1, 1]).commitTo(3), InvariantViolation);
});

const commits: readonly [
  name: string,
  index: number,
  term: number,
  result: boolean,
][] = [
  ["an entry of the term", 3, 2, true],
  ["nothing of an older term: it is no proof", 2, 2, false],
  ["nothing twice", 1, 1, false],
  ["nothing past the end", 4, 2, false],
  ["nothing at no bound", Infinity, 2, false],
];

for (const [name, index, term, result] of commits) {
  Deno.test(`RaftLog maybeCommit() commits ${name}`, () => {
    const one = raftLog([1, 1, 2]);
    one.commitTo(1);
    assertEquals(one.maybeCommit(index, term), result);
    assertEquals(one.committed, result ? index : 1);
  });
}

Deno.test("RaftLog slice() gives one entry at least and then what fits, over both parts", () => {
  const one = raftLog([1, 1], [1, 1]);
  const size = entryFrameBytes + 3;
  const counts = [0, 1, 2, 3, 4].map((fit) =>
    one.slice(1, 5, fit * size).length
  );
  assertEquals(counts, [1, 1, 2, 3, 4]);
  assertEquals(one.slice(1, 5, 3 * size - 1).length, 2);
  assertEquals(one.slice(3, 5, 0), log([1], 3));
  assertEquals(one.slice(1, 3, Infinity), log([1, 1]));
  assertEquals(one.slice(2, 4, Infinity), log([1, 1], 2));
});

Deno.test("RaftLog entriesFrom() has nothing past the end and does not know what is compacted", () => {
  const one = new RaftLog(
    new MemoryStorage(snapshotAt(5, 4, members([1]))),
    Infinity,
  );
  one.append(log([4], 6));
  assertEquals(one.entriesFrom(7, 100), []);
  assertEquals(one.entriesFrom(6, 100), log([4], 6));
  assertEquals(one.entriesFrom(5, 100), undefined);
});

Deno.test("RaftLog gives committed entries out once, in order", () => {
  const one = raftLog([1, 1, 1]);
  assertFalse(one.hasNextCommitted(true));
  one.commitTo(2);
  const first = one.nextCommitted(true);
  assertEquals(first, log([1, 1]));
  one.acceptCommitted(first, true);
  assertEquals(one.nextCommitted(true), []);
  one.commitTo(3);
  assertEquals(one.nextCommitted(true), log([1], 3));
});

Deno.test("RaftLog gives committed entries out only once durable when asked to", () => {
  const one = raftLog([1], [1, 1]);
  one.commitTo(3);
  assertEquals(one.nextCommitted(false), log([1]));
  assertEquals(one.nextCommitted(true), log([1, 1, 1]));
});

Deno.test("RaftLog pauses committed entries at their bound until some are applied", () => {
  const size = entryFrameBytes + 3;
  const one = raftLog([1, 1, 1, 1], [], 2 * size);
  one.commitTo(4);
  const first = one.nextCommitted(true);
  assertEquals(first.length, 2);
  one.acceptCommitted(first, true);
  assertFalse(one.hasNextCommitted(true));
  one.appliedTo(1);
  assertEquals(one.nextCommitted(true), log([1], 3));
});

Deno.test("RaftLog pauses when the next committed entry would pass the bound", () => {
  const size = entryFrameBytes + 3;
  const one = raftLog([1, 1, 1], [], 2 * size + 1);
  one.commitTo(3);
  one.acceptCommitted(one.nextCommitted(true), true);
  assertFalse(one.hasNextCommitted(true));
  one.appliedTo(2);
  assert(one.hasNextCommitted(true));
});

Deno.test("RaftLog appliedTo() counts what the proposers gave, once", () => {
  const one = raftLog([1, 1, 1, 1]);
  one.commitTo(2);
  one.acceptCommitted(one.nextCommitted(true), true);
  one.commitTo(4);
  one.acceptCommitted(one.nextCommitted(true), true);
  assertEquals([1, 1, 3, 4].map((index) => one.appliedTo(index)), [3, 0, 6, 3]);
  assertEquals(one.applied, 4);
});

Deno.test("RaftLog appliedTo() refuses what is not committed", () => {
  const one = raftLog([1, 1]);
  one.commitTo(1);
  assertThrows(() => one.appliedTo(2), InvariantViolation);
});

Deno.test("RaftLog stops the node when entries are compacted before they are applied", () => {
  const storage = storageWith([1], log([1, 1, 1]));
  const one = new RaftLog(storage, Infinity);
  one.commitTo(3);
  storage.createSnapshot(2, members([1]), bytes(""));
  storage.compact(2);
  assertThrows(() => one.nextCommitted(true), InvariantViolation);
});

Deno.test("RaftLog stableTo() stops the node when storage does not have the entries", () => {
  const one = raftLog([1], [1]);
  assertThrows(() => one.stableTo(2, 1), InvariantViolation);
});

Deno.test("RaftLog stableTo() reads from storage what is durable", () => {
  const storage = storageWith([1], log([1]));
  const one = new RaftLog(storage, Infinity);
  one.append(log([1, 1], 2));
  storage.append(log([1, 1], 2));
  one.stableTo(3, 1);
  assertEquals(one.unstable.offset, 4);
  assertEquals(terms(one), [1, 1, 1]);
});

Deno.test("RaftLog restore() starts again from the snapshot and applies nothing before it is in", () => {
  const one = raftLog([1, 1, 1]);
  one.commitTo(2);
  one.restore(snapshotAt(7, 2, members([1])));
  assertEquals([one.firstIndex(), one.lastIndex(), one.committed], [8, 7, 7]);
  assertEquals(one.last(), { index: 7, term: 2 });
  assertFalse(one.hasNextCommitted(true));
  assertEquals(one.snapshot()?.index, 7);
});

Deno.test("RaftLog restore() refuses a snapshot that would undo commits", () => {
  const one = raftLog([1, 1, 1]);
  one.commitTo(3);
  assertThrows(
    () => one.restore(snapshotAt(3, 1, members([1]))),
    InvariantViolation,
  );
});
