/**
 * Goal: a router does what it promises between real gRPC services: it acks what every sink has, takes
 * what its pipelines take, and says what is wrong with a pipeline.
 * Method: a router in this process with its metadata in a real file, connectors and clients over
 * loopback.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  AckStatus,
  Code,
  ConveyorError,
  RegistryClient,
  StageType,
} from "@conveyor/grpc";
import { statuses } from "../fixtures/raw_push.ts";
import {
  line,
  numberOf,
  numbers,
  RouterSetup,
} from "../fixtures/router_setup.ts";
import { until } from "../fixtures/until.ts";

const encoder = new TextEncoder();

Deno.test("records pushed over gRPC pass a transform, reach the sink, and are acked", async () => {
  await using setup = await RouterSetup.start();
  const stored: number[] = [];
  await setup.transform("double", (record) => ({
    ...record,
    payload: encoder.encode(`${2 * numberOf(record)}`),
  }));
  await setup.sink("store", (record) => void stored.push(numberOf(record)));
  const admin = await setup.admin();
  assertEquals(await admin.createPipeline(line("double", "store")), "line");
  const source = await setup.source();
  const outcomes = await source.push(numbers(1_000));
  assert(outcomes.every(({ status }) => status === AckStatus.Accepted));
  assertEquals(stored, numbers(1_000).map((_, at) => 2 * (at + 1)));
  const described = await admin.getPipeline("line");
  assertEquals(
    described?.status.stageStatuses["store"]?.recordsProcessed,
    1_000n,
  );
});

Deno.test("records wait for a sink that is not there yet", async () => {
  await using setup = await RouterSetup.start();
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  const source = await setup.source();
  const pushed = source.push(numbers(10));
  const stored: number[] = [];
  await setup.sink("store", (record) => void stored.push(numberOf(record)));
  await pushed;
  assertEquals(stored.length, 10);
});

Deno.test("records of a stage that selects a group wait until an instance has joined it", async () => {
  await using setup = await RouterSetup.start();
  const stored: number[] = [];
  await setup.sink("store", (record) => void stored.push(numberOf(record)));
  const admin = await setup.admin();
  const config = line("store");
  await admin.createPipeline({
    ...config,
    stages: config.stages.map((stage) =>
      stage.id === "store"
        ? {
          ...stage,
          serviceSelector: { serviceName: "store", groupId: "writers" },
        }
        : stage
    ),
  });
  const source = await setup.source();
  const pushed = source.push(numbers(10));
  await until(async () => {
    const described = await admin.getPipeline("line");
    return described!.status.stageStatuses["store"]?.recordsBuffered === 10n;
  });
  await using registry = await RegistryClient.connect(setup.url);
  await registry.joinGroup({ serviceId: "store-1", groupId: "writers" });
  await pushed;
  assertEquals(stored.length, 10);
});

Deno.test("a disabled pipeline takes nothing, and its records are rejected with the reason", async () => {
  await using setup = await RouterSetup.start();
  const admin = await setup.admin();
  await setup.sink("store", () => {});
  await admin.createPipeline(line("store"));
  await admin.disablePipeline("line", true);
  const source = await setup.source();
  const [outcome] = await source.push(numbers(1));
  assertEquals(outcome?.status, AckStatus.Rejected);
  assert(outcome?.error.includes("no enabled pipeline"), outcome?.error);
  await admin.enablePipeline("line");
  assertEquals(
    (await source.push(numbers(1)))[0]?.status,
    AckStatus.Accepted,
  );
});

Deno.test("records of a pipeline that is deleted go back to their source", async () => {
  await using setup = await RouterSetup.start();
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  const source = await setup.source();
  const pushed = source.push(numbers(10));
  await until(async () =>
    (await admin.metrics()).conveyor_records_under_way === 10
  );
  await admin.deletePipeline("line", true);
  const outcomes = await pushed;
  assertEquals(statuses(outcomes), { Rejected: 10 });
  assert(outcomes[0]!.error.includes("pipeline"), outcomes[0]!.error);
});

Deno.test("an invalid pipeline is refused with every fault and its path", async () => {
  await using setup = await RouterSetup.start();
  const admin = await setup.admin();
  const error = await assertRejects(
    () =>
      admin.createPipeline({
        id: "bad",
        stages: [{ id: "a", stageType: StageType.Transform }],
        edges: [{ fromStage: "a", toStage: "nowhere" }],
      }),
    ConveyorError,
  );
  assertEquals(error.code, Code.InvalidArgument);
  const fields = error.details.map(({ field }) => field);
  for (
    const field of [
      "stages",
      "edges[0].to_stage",
      "stages[0].service_selector.service_name",
    ]
  ) assert(fields.includes(field), `${field} in ${fields.join()}`);
  assertEquals(await admin.listPipelines(true), []);
});

Deno.test("what is taken or unknown is told as existing clients expect", async () => {
  await using setup = await RouterSetup.start();
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  const taken = await assertRejects(
    () => admin.createPipeline(line("store")),
    ConveyorError,
  );
  assertEquals(taken.code, Code.FailedPrecondition);
  const unknown = await assertRejects(
    () => admin.enablePipeline("other"),
    ConveyorError,
  );
  assertEquals(unknown.code, Code.NotFound);
  assertEquals(await admin.getPipeline("other"), undefined);
});
