import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { quorumRefusal } from "../../../lib/handlers/quorum_refusal.ts";
import type {
  ConfChangeSingle,
  PeerStatus,
  Status,
} from "../../../lib/raft/types.ts";

/** What leader 1 of `voters` knows, who hears from `active` besides itself. */
function statusOf(
  voters: readonly number[],
  active: readonly number[],
  learners: readonly number[] = [],
): Status {
  const peers = [...voters, ...learners].map((id): PeerStatus => ({
    id,
    learner: learners.includes(id),
    state: "replicate",
    match: 9,
    next: 10,
    paused: false,
    pendingSnapshot: 0,
    recentActive: active.includes(id),
    inflight: 0,
    inflightFull: false,
  }));
  return {
    id: 1,
    role: "leader",
    lead: 1,
    term: 2,
    vote: 1,
    commit: 9,
    applied: 9,
    leadTransferee: 0,
    voters,
    votersOutgoing: [],
    learners,
    learnersNext: [],
    autoLeave: false,
    peers,
  };
}

function refused(
  status: Status,
  nodeId: number,
  type: ConfChangeSingle["type"] = "removeNode",
): string | undefined {
  const refusal = quorumRefusal(status, { type, nodeId });
  if (refusal !== undefined) {
    assertEquals(refusal.code, Code.FailedPrecondition);
  }
  return refusal?.message;
}

Deno.test("quorumRefusal() keeps a voter that answers where those that would be left are too few", () => {
  assertEquals(
    refused(statusOf([1, 2, 3], [2]), 2),
    "Cannot remove node 2: a majority of nodes 1, 3, the voters that would be left, must answer, and node 3 did not lately; bring it back, or remove it first",
  );
  assert(refused(statusOf([1, 2, 3], [2]), 1)?.includes("node 3 did not"));
  const five = statusOf([1, 2, 3, 4, 5], [2, 3]);
  assert(
    refused(five, 3)?.includes("nodes 4, 5 did not lately; bring one back"),
  );
});

Deno.test("quorumRefusal() lets a voter go that is not needed, or does not answer", () => {
  assertEquals(refused(statusOf([1, 2, 3], [2, 3]), 2), undefined);
  assertEquals(refused(statusOf([1, 2, 3], [2, 3]), 1), undefined);
  assertEquals(refused(statusOf([1, 2], [2]), 2), undefined);
  assertEquals(refused(statusOf([1, 2, 3], [2]), 3), undefined);
  assertEquals(refused(statusOf([1, 2, 3, 4, 5], [2, 3]), 5), undefined);
  assertEquals(refused(statusOf([1, 2, 3, 4, 5], [2, 3, 4]), 4), undefined);
  // Even where too few answer: each one that goes brings the rest nearer to a majority.
  assertEquals(refused(statusOf([1, 2, 3], []), 3), undefined);
});

Deno.test("quorumRefusal() keeps the only voter, whoever learns from it", () => {
  for (const learners of [[], [4]]) {
    assertEquals(
      refused(statusOf([1], [4], learners), 1),
      "Cannot remove node 1: it is the only voter; let another node join and get its vote first",
    );
  }
});

Deno.test("quorumRefusal() has nothing against learners that come and go, nor a vote for one that answers", () => {
  const status = statusOf([1, 2, 3], [2, 4], [4, 5]);
  assertEquals(refused(status, 4), undefined);
  assertEquals(refused(status, 5), undefined);
  assertEquals(refused(status, 6, "addLearner"), undefined);
  assertEquals(refused(status, 4, "addNode"), undefined);
  assertEquals(refused(status, 3, "addNode"), undefined);
});
