/**
 * Goal: what a pipeline puts out at a stage with the label conveyor/delivery=pull waits for consumers,
 * is sent to one of them, again when that one leaves or gives it back, and is settled when one says so;
 * a router can feed a router so.
 * Method: routers in this process, and consumers that speak SourceService over loopback.
 * Without leak checks: grpc-js leaves the backoff timer of a source that closes before its router.
 */
import { assert, assertEquals } from "@std/assert";
import { AckStatus, Code } from "@conveyor/grpc";
import type { MessageInit } from "../../proto/codec.ts";
import type { PullRequest } from "../../proto/messages/source.ts";
import {
  Consumer,
  methods,
  pulledLine,
  sourceId,
} from "../fixtures/consumer.ts";
import { rejection } from "../fixtures/rejection.ts";
import {
  line,
  numberOf,
  numbers,
  RouterSetup,
} from "../fixtures/router_setup.ts";
import { until } from "../fixtures/until.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}

async function startPulled(): Promise<RouterSetup> {
  const setup = await RouterSetup.start();
  const admin = await setup.admin();
  await admin.createPipeline(pulledLine());
  return setup;
}

test("a consumer pulls what a pipeline puts out, and the source is acked when it is done with it", async () => {
  await using setup = await startPulled();
  const source = await setup.source();
  let acked = false;
  const pushed = source.push(numbers(100)).then((outcomes) => {
    acked = true;
    return outcomes;
  });
  await using consumer = await Consumer.connect(setup.url);
  const batch = (await consumer.next())!;
  assertEquals(batch.records.map(numberOf), numbers(100).map((_, n) => n + 1));
  const ids = batch.records.map(({ id }) => id!);
  assertEquals(
    new Set(ids.map((id) => `${id.sourceId} ${id.partition}`)),
    new Set(["line/out 0"]),
  );
  ids.slice(1).forEach((id, at) =>
    assertEquals(id.sequenceNumber, ids[at]!.sequenceNumber + 1n)
  );
  assertEquals(new Set(ids.map((id) => `${id.idempotencyKey}`)).size, 100);
  assert(!acked);
  assertEquals(await consumer.acknowledge(batch), 100n);
  assertEquals(await consumer.acknowledge(batch), 0n);
  const outcomes = await pushed;
  assert(outcomes.every(({ status }) => status === AckStatus.Accepted));
});

test("what a consumer had when it left, or gave back, is sent to the next one", async () => {
  await using setup = await startPulled();
  const source = await setup.source();
  const pushed = source.push(numbers(10));
  {
    await using first = await Consumer.connect(setup.url);
    assertEquals((await first.next())?.records.length, 10);
  }
  await using second = await Consumer.connect(setup.url, {}, "second");
  const batch = (await second.next())!;
  assertEquals(batch.records.map(numberOf), numbers(10).map((_, n) => n + 1));
  assertEquals(await second.acknowledge(batch, AckStatus.Rejected), 0n);
  const again = (await second.next())!;
  assertEquals(again.records, batch.records);
  assertEquals(await second.acknowledge(again), 10n);
  await pushed;
});

test("a consumer has no more records than it asks for, others the rest", async () => {
  await using setup = await startPulled();
  const source = await setup.source();
  const pushed = source.push(numbers(10));
  await using first = await Consumer.connect(setup.url, {
    maxInFlight: 4,
    maxBatchRecords: 3,
  });
  const batches = [(await first.next())!, (await first.next())!];
  assertEquals(batches.map(({ records }) => records.length), [3, 1]);
  await using second = await Consumer.connect(setup.url, {}, "second");
  const rest = (await second.next())!;
  assertEquals(rest.records.length, 6);
  for (const batch of [rest, ...batches]) await first.acknowledge(batch);
  await pushed;
});

test("there is nothing to pull but what an enabled pipeline puts out", async () => {
  await using setup = await startPulled();
  await using consumer = await Consumer.connect(setup.url);
  const ask = (request: MessageInit<PullRequest>) =>
    Array.fromAsync(
      consumer.channel.stream(
        methods.pullRecords,
        ReadableStream.from([request]),
      ),
    );
  await rejection(ask({ sourceId, consumerId: "" }), Code.InvalidArgument);
  const unknown = await rejection(
    ask({ sourceId: "line/numbers", consumerId: "c" }),
    Code.NotFound,
  );
  assertEquals(unknown.details[0]?.field, "source_id");
  const end = consumer.next();
  const admin = await setup.admin();
  await admin.disablePipeline("line", true);
  assertEquals(await end, undefined);
  await rejection(ask({ sourceId, consumerId: "c" }), Code.NotFound);
});

test("a router tells the watermarks that it knows", async () => {
  await using setup = await RouterSetup.start();
  const checkpoints = await setup.checkpoints();
  const timestamp = { seconds: 100n, nanos: 0 };
  await checkpoints.reportWatermark({
    sourceId: "numbers",
    partition: 2,
    position: 7n,
    timestamp,
  });
  await using consumer = await Consumer.connect(setup.url);
  const { message } = await consumer.channel.unary(methods.getWatermark, {});
  assertEquals(message.watermarks, [
    { sourceId: "numbers", partition: 2, position: 7n, timestamp },
  ]);
});

test("a router feeds a router", async () => {
  await using first = await startPulled();
  await using second = await RouterSetup.start();
  const stored: number[] = [];
  await second.sink("store", (record) => void stored.push(numberOf(record)));
  const admin = await second.admin();
  const { stages, ...rest } = line("store");
  await admin.createPipeline({
    ...rest,
    stages: stages.map((stage) =>
      stage.id === "store"
        ? stage
        : { ...stage, serviceSelector: { serviceName: sourceId } }
    ),
  });
  await second.registerSource(sourceId, first.url, sourceId);
  const source = await first.source();
  const outcomes = await source.push(numbers(2_000));
  assert(outcomes.every(({ status }) => status === AckStatus.Accepted));
  assertEquals(stored, numbers(2_000).map((_, at) => at + 1));
  const positions = await second.checkpoints();
  await until(async () =>
    (await positions.resumePositions(sourceId)).size === 1
  );
});
