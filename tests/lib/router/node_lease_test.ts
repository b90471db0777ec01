import { assert, assertEquals, assertFalse } from "@std/assert";
import { leaseSweepMs, nodeLeaseMs } from "../../../lib/limits.ts";
import {
  NodeLease,
  type NodeLeaseParts,
} from "../../../lib/router/node_lease.ts";
import { steadyLead, until } from "../../fixtures/metadata_cluster.ts";
import { StateCluster } from "../../fixtures/state_cluster.ts";

interface Held {
  readonly lease: NodeLease;
  /** What `held` was whenever it was told to have changed. */
  readonly told: boolean[];
}

function leaseOf(
  cluster: StateCluster,
  nodeId: number,
  leases: NodeLeaseParts["leases"] = cluster.node(nodeId).leases,
): Held {
  const { replicated } = cluster.node(nodeId);
  const told: boolean[] = [];
  const lease: NodeLease = new NodeLease({
    replicated,
    leases,
    clock: cluster.time,
    scheduler: cluster.time,
    nodeId,
    address: `node-${nodeId}`,
    changed: () => told.push(lease.held),
  });
  lease.start();
  return { lease, told };
}

function liveOn(cluster: StateCluster, id: number): number[] {
  return cluster.node(id).replicated.state.nodes.list()
    .filter(({ expired }) => !expired).map(({ nodeId }) => nodeId);
}

/** Lets time pass until this holds: a sweep that came too early is repeated by the next. */
async function passUntil(
  cluster: StateCluster,
  holds: () => boolean,
): Promise<void> {
  while (!holds()) await cluster.pass(leaseSweepMs);
}

Deno.test("NodeLease holds while it is renewed, and gives itself up at once", async () => {
  await using cluster = await StateCluster.start(1);
  const { lease, told } = leaseOf(cluster, 1);
  await until(() => lease.held);
  assertEquals(liveOn(cluster, 1), [1]);
  const { generation } = cluster.node(1).replicated.state.nodes;
  await cluster.pass(2 * nodeLeaseMs);
  assert(lease.held);
  assertEquals(cluster.node(1).replicated.state.nodes.generation, generation);
  assertEquals(told, [true]);
  await lease.close();
  assertFalse(lease.held);
  assertEquals(liveOn(cluster, 1), []);
});

Deno.test("NodeLease ends by itself when no word comes through, before others count it as gone", async () => {
  // A new leader would count every lease from its beginning.
  await using cluster = await StateCluster.start(3, steadyLead);
  const leader = await cluster.raft.leader();
  const away = await cluster.follower();
  const staying = leaseOf(cluster, leader);
  const leaving = leaseOf(cluster, away);
  await until(() => staying.lease.held && leaving.lease.held);
  cluster.raft.isolate(away);
  while (leaving.lease.held) {
    assert(liveOn(cluster, leader).includes(away));
    await cluster.pass(leaseSweepMs);
  }
  assertEquals(leaving.told, [true, false]);
  await passUntil(cluster, () => !liveOn(cluster, leader).includes(away));
  assert(staying.lease.held);
  cluster.raft.heal();
  await passUntil(
    cluster,
    () => leaving.lease.held && liveOn(cluster, leader).length === 2,
  );
  await leaving.lease.close();
  await staying.lease.close();
});

Deno.test("NodeLease lasts from when it was asked for, not from when the answer came", async () => {
  await using cluster = await StateCluster.start(1);
  const { time } = cluster;
  const answers: (() => void)[] = [];
  const { lease } = leaseOf(cluster, 1, {
    renew: () =>
      new Promise((resolve) =>
        answers.push(() => resolve({ kind: "renewed", lastsMs: nodeLeaseMs }))
      ),
  });
  await until(() => lease.held);
  await time.advance(nodeLeaseMs / 3);
  await until(() => answers.length === 1);
  const askedMs = time.monotonicMs();
  await time.advance(nodeLeaseMs / 3);
  answers[0]!();
  await time.advance(nodeLeaseMs / 3);
  assert(lease.held);
  await time.advance(askedMs + nodeLeaseMs - time.monotonicMs() - 1);
  assert(lease.held);
  await time.advance(1);
  assertFalse(lease.held);
  await lease.close();
});

Deno.test("NodeLease of a registration that was replaced, as by a snapshot, enters the nodes anew", async () => {
  await using cluster = await StateCluster.start(1);
  const { replicated } = cluster.node(1);
  const { lease, told } = leaseOf(cluster, 1);
  await until(() => lease.held);
  await replicated.change("replace", {
    registerNode: {
      node: {
        nodeId: 1,
        address: "node-1",
        registrationId: "other",
        leaseTtlMs: nodeLeaseMs,
      },
    },
  });
  await passUntil(
    cluster,
    () => replicated.state.nodes.list()[0]?.registrationId !== "other",
  );
  await until(() => lease.held);
  assertEquals(told, [true, false, true]);
  await lease.close();
});
