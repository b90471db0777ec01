/**
 * Goal: an operator who takes nodes out never costs the cluster its majority by it, whichever node is
 * taken out, in whatever state the others are.
 * Method: `server.ts` in three processes, killed without a word; what the admin API answers over gRPC.
 * Without leak checks: grpc-js leaves the backoff timer of a node that went away.
 */
import { assert, assertEquals } from "@std/assert";
import { AdminClient, ClusterClient } from "@conveyor/grpc";
import { exitCodes } from "../../lib/exit_codes.ts";
import { Code } from "../../lib/errors.ts";
import { rejection } from "../fixtures/rejection.ts";
import { RouterCluster, type RouterNode } from "../fixtures/router_cluster.ts";
import { line } from "../fixtures/router_setup.ts";
import { until } from "../fixtures/until.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}

test("a cluster that has lost one node keeps the two that are left, lets the dead one go, and then one more", async () => {
  await using cluster = await RouterCluster.start();
  await using members = await ClusterClient.connect(cluster.urls);
  const [leader, live, dead] = await byRole(cluster, members);
  await dead.kill();
  await untilMissed(leader, dead);
  for (const needed of [live, leader]) {
    const { message } = await rejection(
      members.removeNode(BigInt(needed.id)),
      Code.FailedPrecondition,
    );
    assert(message.includes(`Cannot remove node ${needed.id}: `), message);
    assert(message.includes(`node ${dead.id} did not lately`), message);
    assert(message.includes("or remove it first"), message);
  }
  await assertDecides(leader);
  await members.removeNode(BigInt(dead.id));
  await assertDecides(live);
  await members.removeNode(BigInt(live.id));
  await assertDecides(leader);
  const last = await rejection(
    members.removeNode(BigInt(leader.id)),
    Code.FailedPrecondition,
  );
  assert(last.message.includes("it is the only voter"), last.message);
  await assertDecides(leader);
});

test("a leader that is taken out hands over first, and its process ends and says why", async () => {
  await using cluster = await RouterCluster.start();
  await using members = await ClusterClient.connect(cluster.urls);
  const [leader, ...others] = await byRole(cluster, members);
  const left = await members.removeNode(BigInt(leader.id));
  assertEquals(
    left.map(({ nodeId }) => Number(nodeId)),
    others.map(({ id }) => id),
  );
  for (const other of others) await assertDecides(other);
  const after = await members.listNodes();
  assert(after.leader && after.leader.nodeId !== BigInt(leader.id));
  await leader.process.line("was removed");
  assertEquals(await leader.process.ended(), exitCodes.configuration);
});

test("what does not fit the members is refused by its name, and what has been done is done again", async () => {
  await using cluster = await RouterCluster.start();
  await using members = await ClusterClient.connect(cluster.urls);
  const [, , third] = await byRole(cluster, members);
  const nodeId = BigInt(third.id);
  const unknown = await rejection(members.removeNode(9n), Code.NotFound);
  assert(unknown.message.includes("node 9"), unknown.message);
  for (let time = 0; time < 2; time++) {
    assertEquals((await members.removeNode(nodeId)).length, 2);
  }
  for (const learner of [true, false]) {
    const address = `http://${third.raft}`;
    const again = await rejection(
      members.addNode({ nodeId, address, learner }),
      Code.AlreadyExists,
    );
    assert(again.message.includes(`node ${nodeId}: `), again.message);
  }
  const vote = await rejection(members.promoteLearner(nodeId), Code.NotFound);
  assert(vote.message.includes("was removed"), vote.message);
  await rejection(members.transferLeadership(nodeId), Code.NotFound);
});

/** The leader and the others, once the leader hears from all. */
async function byRole(
  { nodes }: RouterCluster,
  members: ClusterClient,
): Promise<[leader: RouterNode, RouterNode, RouterNode]> {
  const { leader } = await members.listNodes();
  const leads = ({ id }: RouterNode) => BigInt(id) === leader?.nodeId;
  const [second, third] = nodes.filter((node) => !leads(node));
  return [nodes.find(leads)!, second!, third!];
}

/** Waits until the leader has noticed that a node does not answer. */
async function untilMissed(
  leader: RouterNode,
  { id }: RouterNode,
): Promise<void> {
  await using members = await ClusterClient.connect(leader.url);
  await until(async () => {
    const { nodes } = await members.listNodes();
    const node = nodes.find(({ nodeId }) => nodeId === BigInt(id));
    return node?.progress?.recentlyActive === false;
  });
}

/** That the cluster of the node carries a change out. */
async function assertDecides({ url }: RouterNode): Promise<void> {
  await using admin = await AdminClient.connect(url);
  const { length } = await admin.listPipelines();
  await admin.createPipeline({ ...line("store"), id: `line-${length}` });
}
