import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { InvariantViolation } from "../../../lib/invariant.ts";
import { Progress } from "../../../lib/raft/progress.ts";

function progress(match = 0, next = match + 1, window = 3): Progress {
  const limits = { maxInflightMessages: window, maxInflightBytes: 1000 };
  return new Progress(limits, match, next, false);
}

Deno.test("Progress refuses a match that is not below next", () => {
  assertThrows(() => progress(5, 5), InvariantViolation);
});

Deno.test("Progress starts as a probe that may send", () => {
  const one = progress(0, 7);
  assertEquals(one.status(3), {
    id: 3,
    learner: false,
    state: "probe",
    match: 0,
    next: 7,
    paused: false,
    pendingSnapshot: 0,
    recentActive: false,
    inflight: 0,
    inflightFull: false,
  });
});

Deno.test("Progress pauses a probe after one append with entries", () => {
  const one = progress();
  one.sentEntries(2, 10);
  assert(one.paused);
  assertEquals(one.next, 1);
});

Deno.test("Progress does not pause a probe after an empty append", () => {
  const one = progress();
  one.sentEntries(0, 0);
  assertFalse(one.paused);
});

Deno.test("Progress moves next on as it replicates", () => {
  const one = progress(4);
  one.becomeReplicate();
  one.sentEntries(3, 10);
  assertEquals([one.match, one.next, one.inflights.count], [4, 8, 1]);
});

Deno.test("Progress pauses replication when the window is full", () => {
  const one = progress();
  one.becomeReplicate();
  for (let count = 0; count < 3; count++) {
    assertFalse(one.paused);
    one.sentEntries(1, 10);
  }
  assert(one.paused);
});

Deno.test("Progress pauses replication when the window is full of bytes", () => {
  const one = progress();
  one.becomeReplicate();
  one.sentEntries(1, 1000);
  assert(one.paused);
});

Deno.test("Progress pauses again after an empty append into a full window", () => {
  const one = progress();
  one.becomeReplicate();
  for (let count = 0; count < 3; count++) one.sentEntries(1, 10);
  one.resume();
  assertFalse(one.paused);
  one.sentEntries(0, 0);
  assert(one.paused);
  assertEquals(one.next, 4);
});

Deno.test("Progress is always paused while a snapshot is under way", () => {
  const one = progress();
  one.becomeSnapshot(10);
  one.resume();
  assert(one.paused);
  assertEquals([one.next, one.pendingSnapshot], [11, 10]);
});

Deno.test("Progress refuses a snapshot that the member is past", () => {
  assertThrows(() => progress(10).becomeSnapshot(9), InvariantViolation);
});

Deno.test("Progress becomeProbe() goes back to what is confirmed", () => {
  const one = progress(3);
  one.becomeReplicate();
  one.sentEntries(5, 10);
  one.becomeProbe();
  assertEquals([one.state, one.match, one.next], ["probe", 3, 4]);
  assertEquals(one.inflights.count, 0);
});

Deno.test("Progress becomeProbe() goes on after a snapshot that may be in", () => {
  const one = progress(1);
  one.becomeSnapshot(10);
  one.becomeProbe();
  assertEquals([one.match, one.next, one.pendingSnapshot], [1, 11, 0]);
});

Deno.test("Progress becomeProbe() goes on after an ack past the snapshot", () => {
  const one = progress(1);
  one.becomeSnapshot(10);
  one.maybeUpdate(12);
  one.becomeProbe();
  assertEquals(one.next, 13);
});

Deno.test("Progress snapshotFailed() goes back to before the snapshot", () => {
  const one = progress(1);
  one.becomeSnapshot(10);
  one.snapshotFailed();
  assertEquals([one.state, one.next], ["probe", 2]);
});

Deno.test("Progress becomeReplicate() goes on from what is confirmed", () => {
  const one = progress(1, 5);
  one.becomeReplicate();
  assertEquals([one.state, one.next], ["replicate", 2]);
});

for (
  const [index, match, next, news] of [
    [2, 3, 5, false],
    [3, 3, 5, false],
    [4, 4, 5, true],
    [5, 5, 6, true],
  ] as const
) {
  Deno.test(`Progress maybeUpdate() of ${index} leaves match at ${match}, next at ${next}`, () => {
    const one = progress(3, 5);
    assertEquals(one.maybeUpdate(index), news);
    assertEquals([one.match, one.next], [match, next]);
  });
}

Deno.test("Progress maybeUpdate() lets a paused member go on", () => {
  const one = progress();
  one.sentEntries(1, 1);
  one.maybeUpdate(1);
  assertFalse(one.paused);
});

const decreases: readonly [
  name: string,
  state: "replicate" | "probe",
  match: number,
  next: number,
  rejected: number,
  hint: number,
  taken: boolean,
  after: number,
][] = [
  ["ignores a rejection below match", "replicate", 5, 10, 4, 4, false, 10],
  ["ignores a rejection at match", "replicate", 5, 10, 5, 5, false, 10],
  ["goes back to match", "replicate", 5, 10, 9, 9, true, 6],
  ["goes back to match whatever the hint", "replicate", 5, 10, 9, 7, true, 6],
  ["ignores an old rejection", "probe", 0, 10, 5, 5, false, 10],
  [
    "ignores a rejection of what was not sent yet",
    "probe",
    0,
    10,
    11,
    3,
    false,
    10,
  ],
  ["goes back one", "probe", 0, 10, 9, 9, true, 9],
  ["goes back to after the hint", "probe", 0, 10, 9, 2, true, 3],
  ["never goes below 1", "probe", 0, 1, 0, 0, true, 1],
  ["never goes to match", "probe", 4, 10, 9, 2, true, 5],
];

for (
  const [name, state, match, next, rejected, hint, taken, after] of decreases
) {
  Deno.test(`Progress maybeDecrease() as ${state} ${name}`, () => {
    const one = progress(match, next);
    if (state === "replicate") {
      one.becomeReplicate();
      one.sentEntries(next - one.next, 1);
    }
    one.pause();
    assertEquals(one.maybeDecrease(rejected, hint), taken);
    assertEquals(one.next, after);
    if (state === "probe") assertEquals(one.paused, !taken);
  });
}

Deno.test("Progress canBumpCommit() is true until the commit index was sent", () => {
  const one = progress(5);
  one.becomeReplicate();
  one.sentEntries(3, 1);
  assert(one.canBumpCommit(6));
  one.sentCommit(6);
  assertFalse(one.canBumpCommit(6));
  assert(one.canBumpCommit(7));
});

Deno.test("Progress canBumpCommit() is false when the member could not use more", () => {
  const one = progress(5);
  one.becomeReplicate();
  one.sentCommit(5);
  assertFalse(one.canBumpCommit(9));
});

Deno.test("Progress forgets the commit index that a rejection makes doubtful", () => {
  const one = progress(5);
  one.becomeReplicate();
  one.sentEntries(3, 1);
  one.sentCommit(8);
  one.maybeDecrease(7, 7);
  one.sentEntries(3, 1);
  assert(one.canBumpCommit(8));
});
