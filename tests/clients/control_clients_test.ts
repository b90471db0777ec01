/** The clients of the control plane against the handlers of a cluster, called without a socket. */
import { assert, assertEquals } from "@std/assert";
import { CheckpointClient } from "../../clients/checkpoint_client.ts";
import { ClusterClient } from "../../clients/cluster_client.ts";
import { CoordinatorClient } from "../../clients/coordinator_client.ts";
import { RegistryClient } from "../../clients/registry_client.ts";
import { Code } from "../../lib/errors.ts";
import { ServiceType } from "../../proto/messages/common.ts";
import { NodeSuffrage } from "../../proto/messages/cluster.ts";
import { EventType } from "../../proto/messages/registry.ts";
import { EventType as AssignmentEvent } from "../../proto/messages/sidecar.ts";
import { AdminClient } from "../../clients/admin_client.ts";
import { Feed } from "../fixtures/feed.ts";
import { pipelineConfig } from "../fixtures/pipelines.ts";
import { rejection } from "../fixtures/rejection.ts";
import { StateCluster } from "../fixtures/state_cluster.ts";

const identity = {
  serviceId: "enrich-1",
  name: "enrich",
  serviceType: ServiceType.Transform,
};
const endpoint = { host: "127.0.0.1", port: 9_000 };

Deno.test("RegistryClient registers, watches, heartbeats, finds and takes out", async () => {
  await using cluster = await StateCluster.start(1);
  const registry = new RegistryClient(cluster.node(1).calls);
  const leaving = new AbortController();
  const watch = registry.watchServices({}, { signal: leaving.signal })
    [Symbol.asyncIterator]();
  const { registrationId } = await registry.register({ identity, endpoint });
  const { eventType, service } = (await watch.next()).value;
  assertEquals(eventType, EventType.Added);
  assertEquals(service?.identity?.name, "enrich");
  leaving.abort();
  await watch.return?.();
  const beats = new Feed<{ serviceId: string; registrationId: string }>();
  beats.push({ serviceId: "enrich-1", registrationId });
  beats.end();
  const answers = await Array.fromAsync(registry.heartbeats(beats));
  assertEquals(answers.map(({ acknowledged }) => acknowledged), [true]);
  assertEquals((await registry.listServices()).length, 1);
  const found = await registry.endpoints({ serviceName: "enrich" });
  assertEquals(found[0]?.endpoint?.port, 9_000);
  const share = await registry.joinGroup({
    serviceId: "enrich-1",
    groupId: "g",
  });
  assert(share.assignedPartitions.length > 0);
  await registry.leaveGroup("enrich-1", "g", true);
  const left = await registry.deregister("enrich-1", registrationId, {
    graceful: true,
    drainTimeoutMs: 1_500,
  });
  assertEquals(left, 0n);
  assertEquals(await registry.listServices(), []);
});

Deno.test("RegistryClient names the argument that is missing", async () => {
  await using cluster = await StateCluster.start(1);
  const registry = new RegistryClient(cluster.node(1).calls);
  const faults: [string, () => Promise<unknown>][] = [
    ["identity.serviceId", () => registry.register({})],
    ["serviceId", () => registry.deregister("", "r")],
    ["registrationId", () => registry.deregister("a", "")],
    [
      "drainTimeoutMs",
      () => registry.deregister("a", "r", { drainTimeoutMs: -1 }),
    ],
    ["serviceId", () => registry.joinGroup({ groupId: "g" })],
    ["groupId", () => registry.leaveGroup("a", "")],
  ];
  for (const [field, call] of faults) {
    const error = await rejection(call(), Code.InvalidArgument);
    assertEquals(error.details[0]?.field, field);
  }
});

Deno.test("CoordinatorClient registers a sidecar, and hears what it is to run", async () => {
  await using cluster = await StateCluster.start(1);
  const { calls } = cluster.node(1);
  const coordinator = new CoordinatorClient(calls);
  const admin = new AdminClient(calls);
  const { registrationId, versions } = await coordinator.register({
    sidecarId: "s",
    sidecarEndpoint: "http://s:1",
    localServices: ["in", "out"].map((serviceName) => ({
      serviceName,
      localEndpoint: "http://localhost:1",
    })),
  });
  const leaving = new AbortController();
  const watch = coordinator.watchAssignments("s", { signal: leaving.signal })
    [Symbol.asyncIterator]();
  const next = watch.next();
  await admin.createPipeline(pipelineConfig());
  assertEquals((await next).value.eventType, AssignmentEvent.Assigned);
  leaving.abort();
  await watch.return?.();
  const beat = (versions: { [id: string]: bigint }) =>
    coordinator.heartbeat({
      sidecarId: "s",
      registrationId,
      known: { versions },
    });
  const answer = await beat(versions);
  assertEquals(answer.commands[0]?.assign?.pipelineId, "orders");
  assertEquals((await beat(answer.versions)).commands, []);
  await coordinator.deregister("s", registrationId);
  assertEquals((await beat({})).acknowledged, false);
  const error = await rejection(
    coordinator.deregister("s", registrationId),
    Code.NotFound,
  );
  assert(error.message.includes('"s"'), error.message);
});

Deno.test("CheckpointClient commits, saves, and asks where to go on", async () => {
  await using cluster = await StateCluster.start(1);
  const { calls } = cluster.node(1);
  const checkpoints = new CheckpointClient(calls);
  assertEquals(await checkpoints.commitOffset("s", 3, 2n ** 60n), true);
  assertEquals(await checkpoints.commitOffset("s", 3, 5n), false);
  assertEquals(
    await checkpoints.resumePositions("s"),
    new Map([[3, 2n ** 60n + 1n]]),
  );
  const timestamp = { seconds: 5n, nanos: 0 };
  const watermark = { sourceId: "s", partition: 3, timestamp };
  assertEquals((await checkpoints.reportWatermark(watermark)).accepted, true);
  const { watermarks, globalWatermark } = await checkpoints.watermarks();
  assertEquals([watermarks.length, globalWatermark?.partition], [1, 3]);
  assertEquals(await checkpoints.checkpoint("svc"), undefined);
  const data = new Uint8Array([1, 2]);
  await checkpoints.saveCheckpoint({ serviceId: "svc", data });
  assertEquals((await checkpoints.checkpoint("svc"))?.data, data);
  const commit = { groupId: "g", sourceId: "s", partition: 1, offset: 9n };
  assertEquals(await checkpoints.commitGroupOffset(commit), true);
  assertEquals(
    await checkpoints.groupOffsets("g"),
    new Map([["s", new Map([[1, 9n]])]]),
  );
  await new AdminClient(calls).createPipeline(pipelineConfig());
  const { sourceOffsets } = await checkpoints.pipelineCheckpoints("orders");
  assertEquals(sourceOffsets, {});
  await rejection(checkpoints.pipelineCheckpoints("x"), Code.NotFound);
});

Deno.test("ClusterClient changes the members, and tells how a node stands", async () => {
  await using cluster = await StateCluster.start(1);
  const client = new ClusterClient(cluster.node(1).calls);
  const address = "http://node-4:1";
  await client.addNode({ nodeId: 4n, address, learner: true });
  const { nodes, leader } = await client.listNodes();
  assertEquals(nodes.map(({ suffrage }) => suffrage), [
    NodeSuffrage.Voter,
    NodeSuffrage.Learner,
  ]);
  assertEquals(leader?.nodeId, 1n);
  assertEquals((await client.removeNode(4n)).length, 1);
  await rejection(client.promoteLearner(9n), Code.NotFound);
  assertEquals((await client.status()).nodeId, 1n);
  await rejection(client.transferLeadership(), Code.FailedPrecondition);
});

Deno.test("AdminClient refuses a pipeline with a name that no field has, or a value by its name", async () => {
  await using cluster = await StateCluster.start(1);
  const admin = new AdminClient(cluster.node(1).calls);
  const config = pipelineConfig();
  const strange = await rejection(
    admin.createPipeline({ ...config, dead_letter: {} } as typeof config),
    Code.InvalidArgument,
  );
  assertEquals(strange.details[0]?.field, "config.dead_letter");
  await admin.createPipeline(config);
  const [stage] = config.stages!;
  const named = { ...stage, stageType: "STAGE_TYPE_SOURCE" } as never;
  const error = await rejection(
    admin.updatePipeline(config.id!, { ...config, stages: [named] }),
    Code.InvalidArgument,
  );
  assertEquals(
    error.message,
    'Cannot encode UpdatePipelineRequest: "config.stages[0].stageType" must be a number of StageType, which is 1 here, found "STAGE_TYPE_SOURCE"',
  );
});

Deno.test("AdminClient puts a pipeline, whether there is one of its id or not", async () => {
  await using cluster = await StateCluster.start(1);
  const admin = new AdminClient(cluster.node(1).calls);
  const config = pipelineConfig();
  // Each of them may find that there is none yet; only one of them creates it.
  const versions = await Promise.all(
    [1, 2, 3].map(() => admin.putPipeline(config)),
  );
  assertEquals(versions.toSorted(), [1n, 2n, 3n]);
  assertEquals(await admin.putPipeline({ ...config, name: "later" }), 4n);
  const found = await admin.getPipeline(config.id!);
  assertEquals([found?.config.name, found?.status.version], ["later", 4n]);
  await rejection(
    admin.putPipeline({ ...config, id: "" }),
    Code.InvalidArgument,
  );
  const faulty = { ...config, id: "faulty", stages: [] };
  await rejection(admin.putPipeline(faulty), Code.InvalidArgument);
});
