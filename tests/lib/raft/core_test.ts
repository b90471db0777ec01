/** The four roles of a node, and the rules that no input may break. */
import { assertEquals, assertThrows } from "@std/assert";
import { InvariantViolation } from "../../../lib/invariant.ts";
import { Core } from "../../../lib/raft/core.ts";
import {
  config,
  log,
  members,
  snapshotAt,
  storageWith,
} from "../../fixtures/raft_network.ts";
import { MemoryStorage } from "../../../lib/raft/memory_storage.ts";

function core(voters = [1, 2, 3], given = {}): Core {
  return new Core(config(1, storageWith(voters, log([1, 2])), given));
}

Deno.test("Core starts as follower of nobody, with the term and vote of its disk", () => {
  const storage = storageWith([1, 2, 3], log([1, 2]));
  storage.setHardState({ term: 5, vote: 3, commit: 1 });
  const one = new Core(config(1, storage));
  assertEquals([one.role, one.lead], ["follower", 0]);
  assertEquals(one.hardState(), { term: 5, vote: 3, commit: 1 });
});

Deno.test("Core counts what its snapshot holds as committed and applied", () => {
  const storage = new MemoryStorage(snapshotAt(7, 2, members([1])));
  storage.setHardState({ term: 2, vote: 0, commit: 0 });
  const { log } = new Core(config(1, storage));
  assertEquals([log.committed, log.applied], [7, 7]);
});

Deno.test("Core keeps its vote when it follows somebody in the same term", () => {
  const one = core();
  one.becomeCandidate();
  assertEquals([one.term, one.vote], [3, 1]);
  one.becomeFollower(3, 2);
  assertEquals([one.vote, one.lead], [1, 2]);
  one.becomeFollower(4, 0);
  assertEquals([one.vote, one.lead], [0, 0]);
});

Deno.test("Core gives one vote a term", () => {
  const one = core();
  one.voteFor(2);
  one.voteFor(2);
  assertThrows(() => one.voteFor(3), InvariantViolation, "second vote");
});

Deno.test("Core never takes an earlier term", () => {
  assertThrows(
    () => core().becomeFollower(1, 2),
    InvariantViolation,
    "the term fell",
  );
});

Deno.test("Core as pre-candidate changes neither term nor vote", () => {
  const one = core();
  one.voteFor(2);
  one.becomePreCandidate();
  assertEquals([one.role, one.term, one.vote], ["preCandidate", 2, 2]);
});

Deno.test("Core leads only after an election of its own, and asks no votes as leader", () => {
  const one = core();
  assertThrows(() => one.becomeLeader(), InvariantViolation, "election");
  one.becomeCandidate();
  one.becomeLeader();
  assertEquals([one.role, one.lead], ["leader", 1]);
  assertThrows(() => one.becomeCandidate(), InvariantViolation, "leader asks");
  assertThrows(() => one.becomePreCandidate(), InvariantViolation, "leader");
});

Deno.test("Core as leader takes no membership change before its log is applied", () => {
  const one = core();
  one.becomeCandidate();
  one.becomeLeader();
  assertEquals(one.pendingConfIndex, 2);
});

Deno.test("Core as leader must be a member", () => {
  const one = core([2, 3]);
  one.becomeCandidate();
  assertThrows(() => one.becomeLeader(), InvariantViolation, "no member");
});

Deno.test("Core emits to itself only what waits for the disk", () => {
  const one = core();
  one.emit("MsgAppResp", 1);
  one.emit("MsgHeartbeat", 2);
  assertEquals([one.answers.length, one.messages.length], [1, 1]);
  assertThrows(() => one.emit("MsgApp", 1), InvariantViolation, "disk");
});

Deno.test("Core is promotable as voter whose snapshot is installed", () => {
  assertEquals(core([1, 2]).promotable(), true);
  assertEquals(core([2]).promotable(), false);
  const storage = storageWith([2]);
  const learner = new MemoryStorage({
    ...snapshotAt(1, 1, members([2], [1])),
  });
  assertEquals(new Core(config(1, learner)).promotable(), false);
  const installing = new Core(config(2, storage));
  installing.log.restore(snapshotAt(9, 1, members([1, 2])));
  assertEquals(installing.promotable(), false);
});
