import { assert, assertEquals } from "@std/assert";
import { Code, type ConveyorError } from "../../../lib/errors.ts";
import { clusterService } from "../../../lib/handlers/cluster_handler.ts";
import { leaseRenewalsMax } from "../../../lib/limits.ts";
import { leaderKey } from "../../../lib/metadata_keys.ts";
import type { ClusterNode } from "../../../proto/messages/cluster.ts";
import {
  LeaseOutcome,
  NodeRole,
  NodeSuffrage,
} from "../../../proto/messages/cluster.ts";
import { offsetCommand } from "../../fixtures/cluster_server.ts";
import { steadyLead, until } from "../../fixtures/metadata_cluster.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { leaseOf, register } from "../../fixtures/services.ts";
import { StateCluster, type StateNode } from "../../fixtures/state_cluster.ts";

const { methods } = clusterService;
const requestId = new Uint8Array(16).fill(2);

/** That a node which does not lead refuses, and names the one that does. */
function assertHint(error: ConveyorError, leader: number): void {
  assertEquals(error.metadata[leaderKey], [
    `${leader} http://node-${leader}:1`,
  ]);
}

async function members(node: StateNode): Promise<[bigint, NodeSuffrage][]> {
  const { message } = await node.calls.unary(methods.listNodes, {});
  return message.nodes.map(({ nodeId, suffrage }: ClusterNode) => [
    nodeId,
    suffrage,
  ]);
}

Deno.test("propose() is carried out once by the leader, and refused elsewhere with its place", async () => {
  await using cluster = await StateCluster.start(3, steadyLead);
  const leader = await cluster.raft.leader();
  const propose = (id: number) =>
    cluster.node(id).calls.unary(methods.propose, {
      requestId,
      command: offsetCommand(4n),
    });
  const first = (await propose(leader)).message;
  assertEquals((await propose(leader)).message.answer, first.answer);
  const { state, metadata } = cluster.node(leader).replicated;
  assertEquals(state.offsets.get("s", 0)?.offset, 4n);
  assertEquals(BigInt(metadata.status().commit), first.index);
  assertHint(
    await rejection(propose(await cluster.follower()), Code.Unavailable),
    leader,
  );
});

Deno.test("propose() refuses a request id of another length, and a command without bytes", async () => {
  await using cluster = await StateCluster.start(1);
  const { calls } = cluster.node(1);
  for (
    const [request, field] of [
      [
        { requestId: new Uint8Array(4), command: offsetCommand(1n) },
        "request_id",
      ],
      [{ requestId, command: new Uint8Array(0) }, "command"],
    ] as const
  ) {
    const error = await rejection(
      calls.unary(methods.propose, request),
      Code.InvalidArgument,
    );
    assertEquals(error.details[0]?.field, field);
  }
});

Deno.test("readIndex() is the leader's, behind everything that was answered", async () => {
  await using cluster = await StateCluster.start(3, steadyLead);
  const leader = await cluster.raft.leader();
  const { message: proposed } = await cluster.node(leader).calls.unary(
    methods.propose,
    { requestId, command: offsetCommand(4n) },
  );
  const read = (id: number) =>
    cluster.node(id).calls.unary(methods.readIndex, {});
  assert((await read(leader)).message.index >= proposed.index);
  assertHint(
    await rejection(read(await cluster.follower()), Code.Unavailable),
    leader,
  );
});

Deno.test("renewLeases() is the leader's, and bounded", async () => {
  await using cluster = await StateCluster.start(3, steadyLead);
  const leader = await cluster.raft.leader();
  const lease = leaseOf("a", await register(cluster.node(leader), "a"));
  const renew = (id: number, count: number) =>
    cluster.node(id).calls.unary(methods.renewLeases, {
      leases: Array.from({ length: count }, () => lease),
    });
  await until(() => {
    try {
      return cluster.node(leader).leases.renewAll([]);
    } catch {
      return false;
    }
  });
  const { message } = await renew(leader, 2);
  assertEquals(message.outcomes, [LeaseOutcome.Renewed, LeaseOutcome.Renewed]);
  assertEquals(message.lastsMs, [3_000, 3_000]);
  await rejection(renew(leader, leaseRenewalsMax + 1), Code.InvalidArgument);
  assertHint(
    await rejection(renew(await cluster.follower(), 1), Code.Unavailable),
    leader,
  );
});

/** Waits until the leader has heard from that node. */
async function untilHeard(leader: StateNode, id: number): Promise<void> {
  await until(() => {
    const { peers } = leader.replicated.metadata.status();
    return peers.some((peer) => peer.id === id && peer.match > 0);
  });
}

Deno.test("addNode(), promoteLearner() and removeNode() change the members, and bear to be repeated", async () => {
  await using cluster = await StateCluster.start(1, steadyLead);
  const { calls } = cluster.node(1);
  const node = { nodeId: 4n, address: "http://node-4:1" };
  for (let time = 0; time < 2; time++) {
    await calls.unary(methods.addNode, { ...node, learner: true });
    assertEquals(await members(cluster.node(1)), [
      [1n, NodeSuffrage.Voter],
      [4n, NodeSuffrage.Learner],
    ]);
  }
  await cluster.boot(4);
  await untilHeard(cluster.node(1), 4);
  for (let time = 0; time < 2; time++) {
    await calls.unary(methods.promoteLearner, { nodeId: 4n });
    assertEquals((await members(cluster.node(1)))[1], [4n, NodeSuffrage.Voter]);
  }
  for (let time = 0; time < 2; time++) {
    await calls.unary(methods.removeNode, { nodeId: 4n });
    assertEquals(await members(cluster.node(1)), [[1n, NodeSuffrage.Voter]]);
  }
  for (const learner of [true, false]) {
    const again = await rejection(
      calls.unary(methods.addNode, { ...node, learner }),
      Code.AlreadyExists,
    );
    assert(again.message.includes("4"), again.message);
  }
});

Deno.test("addNode() of a learner as a voter promotes it", async () => {
  await using cluster = await StateCluster.start(1, steadyLead);
  const { calls } = cluster.node(1);
  const node = { nodeId: 4n, address: "http://node-4:1" };
  await calls.unary(methods.addNode, { ...node, learner: true });
  await cluster.boot(4);
  await untilHeard(cluster.node(1), 4);
  const { message } = await calls.unary(methods.addNode, node);
  assertEquals(message.nodes[1]?.suffrage, NodeSuffrage.Voter);
});

Deno.test("addNode() gives no vote to a new node, and takes it in as nothing else", async () => {
  await using cluster = await StateCluster.start(1);
  const { calls, replicated } = cluster.node(1);
  const node = { nodeId: 4n, address: "http://node-4:1" };
  const refused = await rejection(
    calls.unary(methods.addNode, node),
    Code.FailedPrecondition,
  );
  assert(refused.message.includes("as a learner"), refused.message);
  assertEquals(await members(cluster.node(1)), [[1n, NodeSuffrage.Voter]]);
  // The majority is what it was.
  await replicated.upToDate();
});

Deno.test("promoteLearner() gives no vote to a node that answers no more", async () => {
  await using cluster = await StateCluster.start(1);
  const { calls, replicated } = cluster.node(1);
  const node = { nodeId: 4n, address: "http://node-4:1", learner: true };
  await calls.unary(methods.addNode, node);
  await cluster.boot(4);
  await untilHeard(cluster.node(1), 4);
  await cluster.crash(4);
  await until(() =>
    !replicated.metadata.status().peers.find(({ id }) => id === 4)!.recentActive
  );
  const refused = await rejection(
    calls.unary(methods.promoteLearner, { nodeId: 4n }),
    Code.FailedPrecondition,
  );
  assert(refused.message.includes("does not answer"), refused.message);
});

Deno.test("promoteLearner() gives no vote to a node that was never heard of, however short the log", async () => {
  await using cluster = await StateCluster.start(1);
  const { calls } = cluster.node(1);
  const node = { nodeId: 4n, address: "http://node-4:1" };
  await calls.unary(methods.addNode, { ...node, learner: true });
  const refused = await rejection(
    calls.unary(methods.promoteLearner, { nodeId: 4n }),
    Code.FailedPrecondition,
  );
  assert(refused.message.includes("has not answered"), refused.message);
  // A vote of one that is not there would have taken the majority away.
  await calls.unary(methods.removeNode, { nodeId: 4n });
});

Deno.test("addNode() of a voter that has moved leaves it its vote, whatever it asks for", async () => {
  await using cluster = await StateCluster.start(3, steadyLead);
  const { calls } = cluster.node(await cluster.raft.leader());
  const nodeId = BigInt(await cluster.follower());
  const moved = { nodeId, address: "http://moved:1", learner: true };
  const { message } = await calls.unary(methods.addNode, moved);
  const node = message.nodes.find((node) => node.nodeId === nodeId);
  assertEquals(node?.address, moved.address);
  assertEquals(node?.suffrage, NodeSuffrage.Voter);
});

Deno.test("addNode() of a learner that has moved promotes it at its new place", async () => {
  await using cluster = await StateCluster.start(1, steadyLead);
  const { calls } = cluster.node(1);
  const node = { nodeId: 4n, address: "http://node-4:1", learner: true };
  await calls.unary(methods.addNode, node);
  await cluster.boot(4);
  await untilHeard(cluster.node(1), 4);
  const moved = { nodeId: 4n, address: "http://moved:1" };
  const { message } = await calls.unary(methods.addNode, moved);
  assertEquals(message.nodes[1]?.address, moved.address);
  assertEquals(message.nodes[1]?.suffrage, NodeSuffrage.Voter);
});

Deno.test("membership calls name what is wrong with them", async () => {
  await using cluster = await StateCluster.start(3, steadyLead);
  const leader = await cluster.raft.leader();
  const { calls } = cluster.node(leader);
  for (const nodeId of [0n, 2n ** 60n]) {
    const error = await rejection(
      calls.unary(methods.removeNode, { nodeId }),
      Code.InvalidArgument,
    );
    assertEquals(error.details[0]?.field, "node_id");
  }
  for (const address of ["", "node-4:1", "http://node-4", "ftp://node-4:1"]) {
    const error = await rejection(
      calls.unary(methods.addNode, { nodeId: 4n, address }),
      Code.InvalidArgument,
    );
    assertEquals(error.details[0]?.field, "address");
  }
  for (const method of [methods.removeNode, methods.promoteLearner]) {
    const error = await rejection(
      calls.unary(method, { nodeId: 9n }),
      Code.NotFound,
    );
    assert(error.message.includes("node 9"), error.message);
  }
  const other = cluster.node(await cluster.follower());
  const node = { nodeId: 9n, address: "http://node-9:1" };
  // What this one has yet to learn the leader may know.
  for (
    const call of [
      () => other.calls.unary(methods.addNode, node),
      () => other.calls.unary(methods.removeNode, { nodeId: 9n }),
      () => other.calls.unary(methods.promoteLearner, { nodeId: 9n }),
    ]
  ) assertHint(await rejection(call(), Code.Unavailable), leader);
});

Deno.test("transferLeadership() makes the named voter lead, or the one placed best", async () => {
  await using cluster = await StateCluster.start(3, steadyLead);
  const first = await cluster.raft.leader();
  const second = await cluster.follower();
  const transfer = (id: number, nodeId: bigint) =>
    cluster.node(id).calls.unary(methods.transferLeadership, { nodeId });
  const { message } = await transfer(first, BigInt(second));
  assertEquals(message.leader?.nodeId, BigInt(second));
  assertEquals(await cluster.raft.leader(), second);
  assertHint(await rejection(transfer(first, 0n), Code.Unavailable), second);
  await rejection(transfer(second, 9n), Code.NotFound);
  const { metadata } = cluster.node(second).replicated;
  await transfer(second, 0n);
  await until(() => {
    const { lead } = metadata.role;
    return lead !== 0 && lead !== second;
  });
});

Deno.test("transferLeadership() to a node without a vote is refused at once", async () => {
  await using cluster = await StateCluster.start(1, steadyLead);
  const { calls } = cluster.node(1);
  const node = { nodeId: 4n, address: "http://node-4:1", learner: true };
  await calls.unary(methods.addNode, node);
  const { details } = await rejection(
    calls.unary(methods.transferLeadership, { nodeId: 4n }),
    Code.InvalidArgument,
  );
  assertEquals(details[0]?.description, "must be a voter, found 4");
});

Deno.test("status() tells how a node stands", async () => {
  await using cluster = await StateCluster.start(3, steadyLead);
  const leader = await cluster.raft.leader();
  await cluster.node(leader).replicated.upToDate();
  for (const id of cluster.ids) {
    const { message } = await cluster.node(id).calls.unary(methods.status, {});
    assertEquals(message.clusterId, "test");
    assertEquals(message.nodeId, BigInt(id));
    assertEquals(
      message.role,
      id === leader ? NodeRole.Leader : NodeRole.Follower,
    );
    assertEquals(message.leader?.address, `http://node-${leader}:1`);
    assert(message.commitIndex > 0n);
    // Only the leader sees how far the others are.
    const seen = message.nodes.filter(({ progress }) => progress).length;
    assertEquals(seen > 0, id === leader);
  }
});
