import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { adminService } from "../../../lib/handlers/admin_handler.ts";
import { pipelineBytesMax } from "../../../lib/limits.ts";
import { requestIdKey } from "../../../lib/metadata_keys.ts";
import { ClusterHealth, NodeRole } from "../../../proto/messages/router.ts";
import { steadyLead, until } from "../../fixtures/metadata_cluster.ts";
import { pipelineConfig, stage } from "../../fixtures/pipelines.ts";
import { rejection } from "../../fixtures/rejection.ts";
import { StateCluster, type StateNode } from "../../fixtures/state_cluster.ts";

const { methods } = adminService;

/** A call with one answer. */
function call<K extends keyof typeof methods>(
  node: StateNode,
  method: K,
  request: object,
  metadata: { [name: string]: Uint8Array } = {},
  // deno-lint-ignore no-explicit-any -- the answers of nine methods
): Promise<any> {
  return node.calls.unary(methods[method] as never, request as never, {
    metadata,
  }).then(({ message }) => message);
}

Deno.test("createPipeline() makes a pipeline that every node has", async () => {
  await using cluster = await StateCluster.start(3);
  const config = pipelineConfig();
  const created = await call(cluster.node(1), "createPipeline", { config });
  assertEquals(created, { success: true, pipelineId: "orders", error: "" });
  for (const id of cluster.ids) {
    const found = await call(cluster.node(id), "getPipeline", {
      pipelineId: "orders",
    });
    assertEquals(found.config.stages.length, 2);
    assertEquals(found.status.version, 1n);
    assertEquals(found.status.enabled, true);
    assertEquals(found.status.stageStatuses.in.recordsProcessed, 7n);
  }
});

Deno.test("createPipeline() tells every fault at once, and that an id is taken in the body", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const error = await rejection(
    call(node, "createPipeline", {
      config: pipelineConfig({
        stages: [stage("in", "source"), stage("in", "transform")],
      }),
    }),
    Code.InvalidArgument,
  );
  assert(error.details.length >= 2, error.message);
  await rejection(call(node, "createPipeline", {}), Code.InvalidArgument);
  const config = pipelineConfig();
  await call(node, "createPipeline", { config });
  const taken = await call(node, "createPipeline", { config });
  assertEquals(taken.success, false);
  assert(taken.error.includes('"orders"'), taken.error);
});

Deno.test("createPipeline() refuses a pipeline that is too large by its name, however large", async () => {
  await using cluster = await StateCluster.start(1);
  for (const bytes of [pipelineBytesMax, 3 * pipelineBytesMax]) {
    const config = pipelineConfig({ description: "x".repeat(bytes) });
    const error = await rejection(
      call(cluster.node(1), "createPipeline", { config }),
      Code.InvalidArgument,
    );
    assertEquals(error.details[0]?.field, "config");
    assert(error.message.includes(`at most ${pipelineBytesMax} bytes`));
  }
});

Deno.test("createPipeline() repeated under one request id makes one pipeline, also without a name", async () => {
  await using cluster = await StateCluster.start(3);
  const metadata = { [requestIdKey]: new Uint8Array(16).fill(5) };
  const config = pipelineConfig({ id: "" });
  const answers = new Set<string>();
  for (const id of cluster.ids) {
    const { success, pipelineId } = await call(
      cluster.node(id),
      "createPipeline",
      { config },
      metadata,
    );
    assert(success);
    answers.add(pipelineId);
  }
  assertEquals(answers.size, 1);
  const { pipelines } = await call(cluster.node(1), "listPipelines", {});
  assertEquals(pipelines.length, 1);
});

Deno.test("updatePipeline() raises the version, and changes no other pipeline", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const update = (pipelineId: string, parts: object = {}) =>
    call(node, "updatePipeline", {
      pipelineId,
      config: pipelineConfig({ id: "", ...parts }),
    });
  const error = await rejection(update("orders"), Code.NotFound);
  assert(error.message.includes('"orders"'), error.message);
  await call(node, "createPipeline", { config: pipelineConfig() });
  const { success, version } = await update("orders", { name: "new" });
  assertEquals([success, version], [true, 2n]);
  const { config } = await call(node, "getPipeline", { pipelineId: "orders" });
  assertEquals([config.id, config.name], ["orders", "new"]);
  const other = await rejection(
    update("orders", { id: "other" }),
    Code.InvalidArgument,
  );
  assertEquals(other.details[0]?.field, "config.id");
});

Deno.test("deletePipeline() refuses one that is in use unless it is forced to", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const remove = (force = false) =>
    call(node, "deletePipeline", { pipelineId: "orders", force });
  await rejection(remove(), Code.NotFound);
  await call(node, "createPipeline", { config: pipelineConfig() });
  assertEquals((await remove()).success, false);
  await call(node, "disablePipeline", { pipelineId: "orders" });
  node.activity.set("orders", 3);
  const busy = await remove();
  assert(busy.error.includes("3 records"), busy.error);
  assertEquals((await remove(true)).success, true);
  const { found } = await call(node, "getPipeline", { pipelineId: "orders" });
  assertEquals(found, false);
});

Deno.test("disablePipeline() waits for what is under way when it is to drain", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  await call(node, "createPipeline", { config: pipelineConfig() });
  const disable = (drain: boolean) =>
    call(node, "disablePipeline", { pipelineId: "orders", drain });
  node.activity.set("orders", 3);
  assertEquals((await disable(false)).pendingRecords, 3n);
  const draining = disable(true);
  node.activity.set("orders", 0);
  assertEquals((await draining).pendingRecords, 0n);
  const listed = async (includeDisabled: boolean) =>
    (await call(node, "listPipelines", { includeDisabled })).pipelines.length;
  assertEquals([await listed(false), await listed(true)], [0, 1]);
  await call(node, "enablePipeline", { pipelineId: "orders" });
  assertEquals(await listed(false), 1);
  await rejection(
    call(node, "enablePipeline", { pipelineId: "x" }),
    Code.NotFound,
  );
});

Deno.test("getClusterStatus() tells on every node how the others are", async () => {
  await using cluster = await StateCluster.start(3, steadyLead);
  const leader = await cluster.raft.leader();
  await cluster.node(leader).replicated.upToDate();
  for (const id of cluster.ids) {
    const status = await call(cluster.node(id), "getClusterStatus", {});
    assertEquals(status.nodeId, BigInt(id));
    assertEquals(status.leaderId, BigInt(leader));
    assertEquals(status.health, ClusterHealth.Healthy);
    assertEquals(
      status.nodes.map(({ nodeId, role }: never) => [nodeId, role]),
      [1, 2, 3].map((id) => [
        BigInt(id),
        id === leader ? NodeRole.Leader : NodeRole.Follower,
      ]),
    );
  }
});

Deno.test("getClusterStatus() tells who is gone, and that nobody leads", async () => {
  await using cluster = await StateCluster.start(3);
  const leader = await cluster.raft.leader();
  const [follower, third] = cluster.ids.filter((id) => id !== leader);
  await cluster.crash(third!);
  const health = async (id: number) =>
    (await call(cluster.node(id), "getClusterStatus", {})).health;
  const { metadata } = cluster.node(leader).replicated;
  await until(() =>
    metadata.status().peers.find(({ id }) => id === third)?.recentActive ===
      false
  );
  assertEquals(await health(leader), ClusterHealth.Degraded);
  assertEquals(await health(follower!), ClusterHealth.Degraded);
  cluster.raft.isolate(follower!);
  await until(() =>
    cluster.node(follower!).replicated.metadata.role.lead === 0
  );
  assertEquals(await health(follower!), ClusterHealth.Unhealthy);
});

Deno.test("getMetrics() tells all metrics, or those that are named", async () => {
  await using cluster = await StateCluster.start(1);
  const node = cluster.node(1);
  const metrics = async (metricNames: string[]) =>
    (await call(node, "getMetrics", { metricNames })).metrics;
  assertEquals(await metrics([]), { records_total: 7, up: 1 });
  assertEquals(await metrics(["up", "unknown"]), { up: 1 });
});
