import { assert, assertEquals, assertFalse } from "@std/assert";
import { Tracker } from "../../../lib/raft/tracker.ts";
import { members } from "../../fixtures/raft_network.ts";

function tracker(
  voters: readonly number[],
  learners: readonly number[] = [],
): Tracker {
  const one = new Tracker({ maxInflightMessages: 8, maxInflightBytes: 1000 });
  one.change(members(voters, learners), 5);
  return one;
}

Deno.test("Tracker visits members in ascending id, however they came", () => {
  const one = tracker([3, 11], [2]);
  assertEquals(one.ids, [2, 3, 11]);
  one.change(members([11, 1, 3], [2]), 5);
  assertEquals(one.ids, [1, 2, 3, 11]);
});

Deno.test("Tracker knows voters of both halves", () => {
  const one = tracker([1]);
  one.change({ ...members([1], [4]), votersOutgoing: [2] }, 5);
  assertEquals([1, 2, 3, 4].map((id) => one.isVoter(id)), [
    true,
    true,
    false,
    false,
  ]);
});

Deno.test("Tracker change() keeps what it knows of who stays", () => {
  const one = tracker([1, 2], [3]);
  one.get(2)!.maybeUpdate(4);
  one.change(members([1, 2, 3]), 9);
  assertEquals(one.get(2)!.match, 4);
  assertFalse(one.get(3)!.learner);
  assertEquals(one.get(3)!.next, 5);
});

Deno.test("Tracker change() probes who comes, and counts it as heard from", () => {
  const one = tracker([1]);
  one.change(members([1], [2]), 9);
  const { match, next, learner, recentActive } = one.get(2)!;
  assertEquals({ match, next, learner, recentActive }, {
    match: 0,
    next: 9,
    learner: true,
    recentActive: true,
  });
});

Deno.test("Tracker change() forgets who goes", () => {
  const one = tracker([1, 2]);
  one.change(members([1]), 9);
  assertEquals(one.get(2), undefined);
});

Deno.test("Tracker reset() knows only the own log", () => {
  const one = tracker([1, 2], [3]);
  one.get(2)!.maybeUpdate(4);
  one.reset(1, 7);
  assertEquals(one.ids.map((id) => one.get(id)!.match), [7, 0, 0]);
  assertEquals(one.ids.map((id) => one.get(id)!.next), [8, 8, 8]);
  assertEquals(one.ids.map((id) => one.get(id)!.learner), [false, false, true]);
});

Deno.test("Tracker committed() leaves learners out", () => {
  const one = tracker([1, 2, 3], [4, 5]);
  for (const [id, index] of [[1, 9], [2, 4], [4, 9], [5, 9]] as const) {
    one.get(id)!.maybeUpdate(index);
  }
  assertEquals(one.committed(), 4);
});

Deno.test("Tracker committed() needs both halves", () => {
  const one = tracker([1, 2, 3]);
  one.change({ ...members([3]), votersOutgoing: [1, 2] }, 5);
  one.get(3)!.maybeUpdate(9);
  one.get(1)!.maybeUpdate(6);
  assertEquals(one.committed(), 0);
  one.get(2)!.maybeUpdate(5);
  assertEquals(one.committed(), 5);
});

Deno.test("Tracker checkQuorumActive() counts itself and who was heard from since", () => {
  const one = tracker([1, 2, 3]);
  assert(one.checkQuorumActive(1));
  assertFalse(one.checkQuorumActive(1));
  one.get(3)!.recentActive = true;
  assert(one.checkQuorumActive(1));
});

Deno.test("Tracker tells a member as heard from until a whole check has passed without it", () => {
  const one = tracker([1, 2, 3]);
  one.get(3)!.recentActive = true;
  const told: boolean[] = [];
  for (let check = 0; check < 3; check++) {
    told.push(one.get(3)!.status(3).recentActive);
    one.checkQuorumActive(1);
  }
  assertEquals(told, [true, true, false]);
});

Deno.test("Tracker checkQuorumActive() leaves learners out", () => {
  const one = tracker([1, 2, 3], [4]);
  one.checkQuorumActive(1);
  one.get(4)!.recentActive = true;
  assertFalse(one.checkQuorumActive(1));
});

Deno.test("Tracker checkQuorumActive() needs both halves", () => {
  const one = tracker([1, 2]);
  one.change({ ...members([1]), votersOutgoing: [1, 2, 3] }, 5);
  one.checkQuorumActive(1);
  assertFalse(one.checkQuorumActive(1));
});

Deno.test("Tracker counts one vote of each member, the first", () => {
  const one = tracker([1, 2, 3]);
  one.recordVote(1, true);
  one.recordVote(2, false);
  one.recordVote(2, true);
  assertEquals(one.voteResult(), "pending");
  one.recordVote(3, true);
  assertEquals(one.voteResult(), "won");
  one.resetVotes();
  assertEquals(one.voteResult(), "pending");
});
