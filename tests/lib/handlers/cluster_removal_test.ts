import { assert, assertEquals } from "@std/assert";
import type { Metadata } from "../../../lib/consensus/metadata.ts";
import { PeerGate } from "../../../lib/consensus/peer_gate.ts";
import { Code } from "../../../lib/errors.ts";
import {
  ClusterHandler,
  type ClusterMetadata,
  clusterService,
} from "../../../lib/handlers/cluster_handler.ts";
import { leaderKey } from "../../../lib/metadata_keys.ts";
import { Loopback } from "../../fixtures/loopback.ts";
import { steadyLead, until } from "../../fixtures/metadata_cluster.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { StateCluster } from "../../fixtures/state_cluster.ts";

const { methods } = clusterService;

/** Crashes a node that does not lead, and waits until the leader misses it. */
async function crashMissed(cluster: StateCluster, id: number): Promise<void> {
  const { metadata } = cluster.node(await cluster.raft.leader()).replicated;
  await cluster.crash(id);
  await until(() =>
    metadata.status().peers.some((peer) => peer.id === id && !peer.recentActive)
  );
}

Deno.test("removeNode() keeps a voter that the majority rests on, until the dead one is let go", async () => {
  await using cluster = await StateCluster.start(3);
  const [leader, live, dead] = cluster.ids as [number, number, number];
  const { calls, replicated } = cluster.node(leader);
  const remove = (id: number) =>
    calls.unary(methods.removeNode, { nodeId: BigInt(id) });
  await crashMissed(cluster, dead);
  for (const needed of [live, leader]) {
    const refused = await rejection(remove(needed), Code.FailedPrecondition);
    assert(refused.message.includes(`node ${needed}:`), refused.message);
    assert(refused.message.includes(`node ${dead} did not`), refused.message);
  }
  await replicated.upToDate();
  await remove(dead);
  await remove(live);
  assertEquals(replicated.metadata.status().voters, [leader]);
  const last = await rejection(remove(leader), Code.FailedPrecondition);
  assert(last.message.includes("only voter"), last.message);
  await replicated.upToDate();
});

Deno.test("removeNode() of two at once takes one out, and refuses the other until that is done", async () => {
  await using cluster = await StateCluster.start(3, steadyLead);
  const { calls } = cluster.node(await cluster.raft.leader());
  const [one, other] = await Promise.allSettled(
    cluster.ids.slice(1).map((id) =>
      calls.unary(methods.removeNode, { nodeId: BigInt(id) })
    ),
  );
  assertEquals(one!.status, "fulfilled");
  assert(other?.status === "rejected");
  assert(other.reason.message.includes("is under way"), other.reason.message);
});

Deno.test("removeNode() of the leader hands the lead over, and who takes it carries it out", async () => {
  await using cluster = await StateCluster.start(3, steadyLead);
  const first = await cluster.raft.leader();
  const { metadata } = cluster.node(first).replicated;
  const remove = (id: number) =>
    cluster.node(id).calls.unary(methods.removeNode, { nodeId: BigInt(first) });
  const moved = await rejection(remove(first), Code.Unavailable);
  const second = metadata.role.lead;
  assert(second !== first && second !== 0);
  assertEquals(moved.metadata[leaderKey], [
    `${second} http://node-${second}:1`,
  ]);
  const { message } = await remove(second);
  assertEquals(message.nodes.length, 2);
  assert(message.nodes.every(({ nodeId }) => nodeId !== BigInt(first)));
  await cluster.node(second).replicated.upToDate();
});

Deno.test("removeNode() waits, where a leader is new, for those who are there to answer it", async () => {
  await using cluster = await StateCluster.start(3, steadyLead);
  const first = await cluster.raft.leader();
  const [second, third] = cluster.ids.filter((id) => id !== first) as [
    number,
    number,
  ];
  const { metadata } = cluster.node(first).replicated;
  cluster.raft.isolate(third);
  assert(await metadata.transferLeader(second, 10_000));
  const { calls, replicated } = cluster.node(second);
  await replicated.upToDate();
  const removed = calls.unary(methods.removeNode, { nodeId: BigInt(first) });
  cluster.raft.heal();
  assertEquals((await removed).message.nodes.length, 2);
});

Deno.test("removeNode() decides nothing before all that its log held was applied", async () => {
  await using cluster = await StateCluster.start(1, steadyLead);
  const { raft } = cluster;
  const { metadata } = cluster.node(1).replicated;
  await metadata.changeMembership(
    [{ type: "addLearner", nodeId: 4 }],
    "http://node-4:1",
  );
  const applied = Promise.withResolvers<number>();
  let members: Metadata<unknown>["members"] = [];
  const newLeader = {
    role: metadata.role,
    leader: metadata.leader,
    // What it knows before, and after.
    get members() {
      return members;
    },
    status: () => metadata.status(),
    propose: () => Promise.reject(),
    read: () => applied.promise,
    changeMembership: (changes) => metadata.changeMembership(changes),
    transferLeader: () => Promise.reject(),
    heir: () => undefined,
    whenHeard: () => Promise.resolve(),
  } satisfies ClusterMetadata;
  const handler = new ClusterHandler(
    newLeader,
    raft.store(1),
    new PeerGate(raft.node(1).peer),
  );
  const calls = new Loopback().add(clusterService, handler);
  const removed = calls.unary(methods.removeNode, { nodeId: 4n });
  members = metadata.members;
  applied.resolve(metadata.appliedIndex);
  await removed;
  assertEquals(metadata.status().learners, []);
});
