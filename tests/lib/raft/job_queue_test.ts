/** Jobs close in order, and nothing counts before what it rests on is durable. */
import { assertEquals, assertThrows } from "@std/assert";
import { InvariantViolation } from "../../../lib/invariant.ts";
import { Core } from "../../../lib/raft/core.ts";
import { JobQueue } from "../../../lib/raft/job_queue.ts";
import type { MemoryStorage } from "../../../lib/raft/memory_storage.ts";
import {
  config,
  log,
  members,
  snapshotAt,
  storageWith,
} from "../../fixtures/raft_network.ts";

function started(): { core: Core; jobs: JobQueue; storage: MemoryStorage } {
  const storage = storageWith([1, 2, 3], log([1]));
  const core = new Core(config(1, storage, { asyncStorageWrites: true }));
  return { core, jobs: new JobQueue(core), storage };
}

Deno.test("JobQueue open() gives back messages to others, answers last, and keeps its own", () => {
  const { core, jobs } = started();
  core.emit("MsgAppResp", 2);
  core.emit("MsgAppResp", 1).index = 1;
  core.emit("MsgHeartbeatResp", 3);
  const { number, messages, onDurable } = jobs.open(undefined);
  assertEquals(number, 1);
  assertEquals(onDurable.answers.map(({ to }) => to), [2, 1]);
  assertEquals(onDurable.last, undefined, "all of the log is durable");
  assertEquals(messages.map(({ type, to }) => [type, to]), [
    ["MsgHeartbeatResp", 3],
    ["MsgAppResp", 2],
  ]);
  assertEquals(jobs.open(undefined).messages, []);
});

Deno.test("JobQueue counts a node's own vote when its job is durable, not before", () => {
  const { core, jobs } = started();
  core.becomeCandidate();
  core.emit("MsgVoteResp", 1);
  const { number: job } = jobs.open(undefined);
  assertEquals(core.tracker.voteResult(), "pending");
  core.tracker.recordVote(2, true);
  assertEquals(core.role, "candidate");
  jobs.close(job);
  assertEquals(core.role, "leader");
  assertEquals(jobs.isEmpty, true);
});

Deno.test("JobQueue close() closes all jobs up to the number", () => {
  const { core, jobs, storage } = started();
  core.log.append(log([1, 1], 2));
  jobs.open(undefined);
  jobs.open(undefined);
  const { number: job } = jobs.open(undefined);
  storage.append(log([1, 1], 2));
  jobs.close(job - 1);
  assertEquals([jobs.isEmpty, core.log.unstable.offset], [false, 4]);
  jobs.close(job);
  assertEquals(jobs.isEmpty, true);
});

Deno.test("JobQueue refuses a job that was never opened", () => {
  const { jobs } = started();
  assertThrows(() => jobs.close(1), InvariantViolation, "never given out");
});

Deno.test("JobQueue takes a notice from before a term change for nothing", () => {
  const { core, jobs, storage } = started();
  core.log.append(log([1, 1], 2));
  const { number: job } = jobs.open(undefined);
  storage.append(log([1, 1], 2));
  core.becomeFollower(2, 2);
  jobs.close(job);
  assertEquals(core.log.unstable.offset, 2);
});

Deno.test("JobQueue takes a durable snapshot for applied, with its members", () => {
  const { core, jobs, storage } = started();
  const snapshot = snapshotAt(9, 1, members([1, 4]));
  core.log.restore(snapshot);
  const { number: job } = jobs.open(snapshot);
  storage.applySnapshot(snapshot);
  assertEquals(core.log.applied, 0);
  jobs.close(job);
  assertEquals([core.log.applied, core.log.unstable.snapshot], [9, undefined]);
  assertEquals(core.appliedMembership, members([1, 4]));
});
