import { assert, assertEquals } from "@std/assert";
import { ChannelPool } from "../../../lib/services/channel_pool.ts";
import { Duties } from "../../../lib/sidecar/duties.ts";
import { RoutingTable } from "../../../lib/sidecar/routing_table.ts";
import type {
  PipelineAssignment,
  StageAssignment,
} from "../../../proto/messages/sidecar.ts";
import { FlowWorld, orders, writesAll } from "../../fixtures/flow_world.ts";
import { edge, pipelineConfig, stage } from "../../fixtures/pipelines.ts";

const drainTimeoutMs = 5_000;
const config = pipelineConfig({
  stages: [stage("orders", "source"), stage("archive", "sink")],
  edges: [edge("orders", "archive")],
});
const remoteSidecar = { sidecarId: "pod-2", endpoint: "http://10.0.0.2:9091" };

/** The duties of a sidecar over a flow in virtual time. */
class Setup {
  readonly world: FlowWorld = new FlowWorld();
  readonly pool: ChannelPool = new ChannelPool();
  readonly duties: Duties;

  constructor() {
    const { flow, time } = this.world;
    this.duties = new Duties({
      flow,
      table: new RoutingTable({
        sidecarId: "pod-1",
        pool: this.pool,
        ownUrl: () => "http://10.0.0.1:9091",
        localUrls: () => [],
        isExactlyOnce: () => false,
        routers: ["http://10.0.0.9:50051"],
      }),
      scheduler: time,
      drainTimeoutMs,
    });
  }

  async close(): Promise<void> {
    this.duties.close();
    await this.world.flow.close();
    await this.pool.close();
    assertEquals(this.world.time.timers, 0);
  }
}

/** Both stages in this pod, unless the sink is said to be elsewhere. */
function assignment(
  sink: Partial<StageAssignment> = { localEndpoint: "http://localhost:1" },
  parts: Partial<PipelineAssignment> = {},
): PipelineAssignment {
  const at = (
    stageId: string,
    stageType: number,
    target: Partial<StageAssignment>,
  ) => ({
    stageId,
    stageType,
    serviceName: stageId,
    nextStages: [],
    ...target,
  });
  return {
    pipelineId: "orders",
    isLocalComplete: true,
    stages: [
      at("orders", 1, { localEndpoint: "push" }),
      at("archive", 3, sink),
    ],
    pipelineVersion: 1n,
    config,
    ...parts,
  };
}

Deno.test("Duties lets a revoked pipeline finish, and gives back what is not settled in time", async () => {
  const setup = new Setup();
  const { world, duties } = setup;
  duties.assign(assignment());
  const source = world.source();
  source.push(orders(1, 3));
  duties.revoke("orders", true);
  source.push(orders(4, 4));
  assertEquals(source.told.map(({ sequence, reason }) => [sequence, reason]), [
    [4, "NoPipeline"],
  ]);
  world.time.pass(drainTimeoutMs - 1);
  assertEquals(source.told.length, 1);
  world.time.pass(1);
  assertEquals(source.outcomes(1, 2, 3), ["Rejected", "Rejected", "Rejected"]);
  await setup.close();
});

Deno.test("Duties has records that wait here go elsewhere once their stage does", async () => {
  const setup = new Setup();
  const { world, duties } = setup;
  duties.assign(assignment());
  const source = world.source();
  source.push(orders(1, 3));
  duties.assign(assignment({ remoteSidecar }));
  let handedOver = 0;
  world.relays.set("archive", {
    id: "pod-2",
    port: { sender: "pod-1", call: () => new Promise(() => handedOver++) },
  });
  assert(world.time.runUntil(() => handedOver === 1, 2_000));
  assertEquals(source.told, []);
  await setup.close();
});

Deno.test("Duties leaves a pipeline as it runs when it is assigned as before", async () => {
  const setup = new Setup();
  const { world, duties } = setup;
  duties.assign(assignment());
  const source = world.source();
  source.push(orders(1, 3));
  duties.replaceAll([assignment({ localEndpoint: "http://localhost:2" })]);
  duties.revoke("orders", true);
  duties.assign(assignment());
  world.time.pass(2 * drainTimeoutMs);
  assertEquals(source.told, []);
  world.serve("archive", writesAll);
  world.flow.servicesChanged();
  assert(world.time.runUntil(() => source.told.length === 3));
  assertEquals(source.outcomes(1), ["Accepted"]);
  world.time.pass(2 * drainTimeoutMs);
  assertEquals(duties.pipelineIds, ["orders"]);
  duties.replaceAll([]);
  assertEquals(duties.pipelineIds, []);
  world.time.pass(1);
  await setup.close();
});

Deno.test("Duties runs the pipeline that was made in place of one of its id, of the same version", async () => {
  const setup = new Setup();
  const { world, duties } = setup;
  const written: string[] = [];
  for (const name of ["archive", "store"]) {
    world.serve(name, (request) => {
      written.push(name);
      return writesAll(request);
    });
  }
  duties.assign(assignment());
  const source = world.source();
  source.push(orders(1, 1));
  assert(world.time.runUntil(() => source.told.length === 1));
  duties.assign(assignment(undefined, {
    config: pipelineConfig({
      stages: [
        stage("orders", "source"),
        stage("archive", "sink", {
          serviceSelector: stage("store", "sink").serviceSelector,
        }),
      ],
      edges: [edge("orders", "archive")],
    }),
  }));
  source.push(orders(2, 2));
  assert(world.time.runUntil(() => source.told.length === 2));
  assertEquals(written, ["archive", "store"]);
  duties.replaceAll([]);
  world.time.pass(1);
  await setup.close();
});

Deno.test("Duties runs nothing that it cannot: without a configuration, or with one that is invalid", async () => {
  const setup = new Setup();
  const { duties } = setup;
  const local = { localEndpoint: "http://localhost:1" };
  duties.assign(assignment(local, { config: undefined }));
  duties.assign(assignment(local, { config: { ...config, stages: [] } }));
  assertEquals(duties.pipelineIds, []);
  await setup.close();
});
