import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { adminService } from "../../../lib/handlers/admin_handler.ts";
import { checkpointService } from "../../../lib/handlers/checkpoint_handler.ts";
import { registryService } from "../../../lib/handlers/registry_handler.ts";
import { groupPartitions, leaseSweepMs } from "../../../lib/limits.ts";
import { EventType } from "../../../proto/messages/registry.ts";
import { until } from "../../fixtures/metadata_cluster.ts";
import { pipelineConfig, stage } from "../../fixtures/pipelines.ts";
import { Heart, ServiceWatch } from "../../fixtures/registry_calls.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { register } from "../../fixtures/services.ts";
import { StateCluster, type StateNode } from "../../fixtures/state_cluster.ts";

const { methods } = registryService;
const all = Array.from({ length: groupPartitions }, (_, at) => at);

async function join(
  node: StateNode,
  serviceId: string,
  stageId = "",
): Promise<{ generation: bigint; assignedPartitions: number[] }> {
  const { message } = await node.calls.unary(methods.joinGroup, {
    serviceId,
    groupId: "g",
    stageId,
  });
  assertEquals(message.success, true);
  return message;
}

/** A registered service with its stream of heartbeats. */
async function member(node: StateNode, serviceId: string) {
  const { registrationId } = await register(node, serviceId);
  const heart = new Heart(node);
  return {
    heart,
    beat: async () => (await heart.say({ serviceId, registrationId })).commands,
  };
}

/** Makes a pipeline whose stage `out` has so many lanes. */
async function withLanes(node: StateNode, parallelism: number): Promise<void> {
  await node.calls.unary(adminService.methods.createPipeline, {
    config: pipelineConfig({
      stages: [stage("in", "source"), stage("out", "sink", { parallelism })],
    }),
  });
}

Deno.test("joinGroup() shares the partitions out, and members hear of it: revocations first", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const a = await member(node, "a");
  const b = await member(node, "b");
  assertEquals(await a.beat(), []);
  const first = await join(node, "a");
  assertEquals(first.assignedPartitions, all);
  const assign = (generation: bigint, partitions: number[]) => ({
    assign: { groupId: "g", partitions, generation },
  });
  assertEquals(await a.beat(), [assign(first.generation, all)]);
  assertEquals(await a.beat(), []);
  const second = await join(node, "b");
  const given = second.assignedPartitions;
  assertEquals(given.length, groupPartitions / 2);
  assert(second.generation > first.generation);
  const kept = all.filter((each) => !given.includes(each));
  const { generation } = second;
  assertEquals(await a.beat(), [
    { revoke: { groupId: "g", partitions: given, generation } },
    assign(generation, kept),
  ]);
  assertEquals(await b.beat(), [assign(generation, given)]);
  await a.heart.end();
  await b.heart.end();
});

Deno.test("a member that keeps what it has hears of each new generation, and commits under it", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  await withLanes(node, 1);
  const a = await member(node, "a");
  await register(node, "b");
  await join(node, "a", "out");
  await a.beat();
  const { generation } = await join(node, "b", "out");
  assertEquals(await a.beat(), [
    { assign: { groupId: "g", partitions: [0], generation } },
  ]);
  const { methods: { commitGroupOffset } } = checkpointService;
  const commit = async (generation: bigint) =>
    (await node.calls.unary(commitGroupOffset, {
      groupId: "g",
      sourceId: "in",
      offset: 1n,
      serviceId: "a",
      generation,
    })).message.success;
  assertEquals(await commit(generation - 1n), false);
  assertEquals(await commit(generation), true);
  await a.heart.end();
});

Deno.test("leaveGroup() hands the partitions to those who stay", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const a = await member(node, "a");
  const b = await member(node, "b");
  await join(node, "a");
  const { assignedPartitions: given } = await join(node, "b");
  await a.beat();
  await b.beat();
  const leave = (serviceId: string) =>
    node.calls.unary(methods.leaveGroup, { serviceId, groupId: "g" });
  assertEquals((await leave("b")).message.success, true);
  const [revoke, ...none] = await b.beat();
  assertEquals(revoke?.revoke?.partitions, given);
  assertEquals(none, []);
  assertEquals((await a.beat())[0]?.assign?.partitions, all);
  const error = await rejection(leave("b"), Code.NotFound);
  assert(error.message.includes('"b"'), error.message);
  await a.heart.end();
  await b.heart.end();
});

Deno.test("leaveGroup() with grace answers when nothing is under way to the service", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  await register(node, "a");
  await join(node, "a");
  node.activity.set("a", 3);
  let left = false;
  const leaving = node.calls.unary(methods.leaveGroup, {
    serviceId: "a",
    groupId: "g",
    graceful: true,
  }).then(() => left = true);
  await until(() => node.replicated.state.groups.get("g") === undefined);
  assertEquals(left, false);
  node.activity.set("a", 0);
  await leaving;
});

Deno.test("a member whose lease ends loses its partitions to the others", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const a = await member(node, "a");
  const b = await member(node, "b");
  await join(node, "a");
  await join(node, "b");
  await a.beat();
  await b.beat();
  await cluster.time.advance(2_000);
  await a.beat();
  await cluster.time.advance(1_000 + leaseSweepMs);
  await until(() => node.replicated.state.services.get("b")?.expired);
  assertEquals((await a.beat())[0]?.assign?.partitions, all);
  // Heard of again, it gets a share back.
  const [revoked] = await b.beat();
  assertEquals(revoked?.revoke?.partitions.length, groupPartitions / 2);
  await until(() => !node.replicated.state.services.get("b")?.expired);
  const [assigned] = await b.beat();
  assertEquals(assigned?.assign?.partitions.length, groupPartitions / 2);
  await a.heart.end();
  await b.heart.end();
});

Deno.test("joinGroup() takes the parallelism of the stage that the group serves", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  await withLanes(node, 4);
  await register(node, "a");
  const { assignedPartitions } = await join(node, "a", "out");
  assertEquals(assignedPartitions, [0, 1, 2, 3]);
});

Deno.test("joinGroup() of a service that is not registered is NotFound, and names it", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const error = await rejection(join(node, "nobody"), Code.NotFound);
  assert(error.message.includes('"nobody"'), error.message);
  for (const request of [{ groupId: "g" }, { serviceId: "a" }]) {
    await rejection(
      node.calls.unary(methods.joinGroup, request),
      Code.InvalidArgument,
    );
  }
});

Deno.test("watchServices(), listServices() and getServiceEndpoints() tell who has which partitions", async () => {
  await using cluster = await StateCluster.start(3);
  const node = cluster.node(await cluster.follower());
  await register(node, "w-a");
  await register(node, "w-b");
  await using watch = new ServiceWatch(node);
  await watch.told(2);
  await join(node, "w-a");
  const { assignedPartitions: given } = await join(node, "w-b");
  const kept = all.filter((each) => !given.includes(each));
  const told = [];
  for (let at = 0; at < 3; at++) {
    const { eventType, service } = await watch.next();
    told.push([
      EventType[eventType],
      service?.identity?.serviceId,
      service?.assignedPartitions,
    ]);
  }
  assertEquals(told, [
    ["PartitionsAssigned", "w-a", all],
    ["PartitionsRevoked", "w-a", given],
    ["PartitionsAssigned", "w-b", given],
  ]);
  const { message: list } = await node.calls.unary(methods.listServices, {});
  const { message: found } = await node.calls.unary(
    methods.getServiceEndpoints,
    { groupId: "g" },
  );
  for (const services of [list.services, found.endpoints]) {
    assertEquals(services.map((each) => each.assignedPartitions), [
      kept,
      given,
    ]);
  }
});
