/** One result for each record, whatever the function does and whatever the caller sends. */
import { assertEquals, assertStringIncludes } from "@std/assert";
import { SinkClient } from "../../../clients/sink_client.ts";
import { TransformClient } from "../../../clients/transform_client.ts";
import { Channel } from "../../../clients/channel.ts";
import { Code } from "../../../lib/errors.ts";
import {
  serveSink,
  serveSource,
  serveTransform,
} from "../../../lib/connector/connector.ts";
import { type Service, serviceOf } from "../../../proto/service.ts";
import type { SourceServiceMethods } from "../../../proto/messages/source.ts";
import { recordOf, transformService } from "../../fixtures/transform_server.ts";
import { rejection } from "../../fixtures/rejection.ts";
const address = "127.0.0.1:0";
const source: Service<SourceServiceMethods> = serviceOf(
  "conveyor.source.SourceService",
);

Deno.test("serveSink() reports nothing written when writeBatch answers for too few records", async () => {
  await using server = await serveSink({
    writeBatch: () => Promise.resolve([undefined]),
  }, { address });
  await using c = await SinkClient.connect(`http://${server.address}`, "s");
  const { results } = await c.writeBatch({
    records: [recordOf(1n), recordOf(2n)],
  });
  assertEquals(results.map((r) => r.success), [false, false]);
});

Deno.test("serveTransform() rejects with InvalidArgument when a record has no id", async () => {
  await using server = await serveTransform((r) => r, { address });
  const ch = await Channel.connect(`http://${server.address}`);
  const error = rejection(
    ch.unary(transformService.methods.processBatch, {
      inputBatch: { records: [{}] },
    }),
    Code.InvalidArgument,
  );
  await error.finally(() => ch.close());
});

Deno.test("serveSource() makes no room for acks of records that are not under way", async () => {
  await using server = await serveSource(async function* ({ sourceId }) {
    for (let n = 1n; n <= 20n; n++) {
      yield await Promise.resolve({ id: { sourceId, sequenceNumber: n } });
    }
  }, { address });
  const channel = await Channel.connect(`http://${server.address}`);
  const who = { sourceId: "s", consumerId: "c" };
  const acknowledge = (...sequences: bigint[]): Promise<unknown> =>
    channel.unary(source.methods.acknowledge, {
      ...who,
      recordAcks: sequences.map((sequenceNumber) => ({
        recordId: { sourceId: "s", sequenceNumber },
      })),
    });
  const batches = channel.stream(
    source.methods.pullRecords,
    ReadableStream.from([{ ...who, maxInFlight: 2, maxBatchRecords: 2 }]),
  );
  await batches.next();
  let arrived = false;
  const second = batches.next().then((batch) => {
    arrived = true;
    return batch;
  });
  // Each answer travels behind what the first ack would have let go.
  for (let i = 0; i < 5; i++) await acknowledge(98n, 99n);
  assertEquals(arrived, false);
  await acknowledge(1n, 2n);
  assertEquals((await second).value?.records[0]?.id?.sequenceNumber, 3n);
  await batches.return();
  await channel.close();
});

Deno.test("serveTransform() fails only the record whose output cannot be encoded", async () => {
  await using server = await serveTransform(
    (r) => r.id?.sequenceNumber === 1n ? { recordType: 5 as never } : r,
    { address },
  );
  const ch = await Channel.connect(`http://${server.address}`);
  const { message } = await ch.unary(transformService.methods.processBatch, {
    inputBatch: { records: [recordOf(1n), recordOf(2n)] },
  }).finally(() => ch.close());
  assertEquals(message.results.map((r) => r.status), [3, 1]);
});

Deno.test("serveSink() fails the record whose write throws, even if nothing", async () => {
  for (
    const sink of [
      () => Promise.reject(),
      { writeBatch: () => Promise.reject() },
    ]
  ) {
    await using server = await serveSink(sink, { address });
    await using c = await SinkClient.connect(`http://${server.address}`, "s");
    const { results } = await c.writeBatch({ records: [recordOf(1n)] });
    assertEquals(results.map((r) => r.success), [false]);
  }
});

Deno.test("serveTransform() fails the record whose output is no record", async () => {
  const outputs: unknown[] = [
    42,
    "abc",
    true,
    new Map(),
    [[{}]],
    [null],
    new Uint8Array(1),
  ];
  for (const output of outputs) {
    await using server = await serveTransform(() => output as never, {
      address,
    });
    await using c = await TransformClient.connect(
      `http://${server.address}`,
      "t",
    );
    const { results } = await c.processBatch({ records: [recordOf(1n)] });
    assertEquals(results.map((r) => r.status), [3], String(output));
    assertStringIncludes(results[0]!.errorMessage, "a transform gives");
  }
});

Deno.test("serveTransform() fails the record alone when what is thrown cannot be shown", async () => {
  await using server = await serveTransform((r) => {
    if (r.id?.sequenceNumber === 1n) throw Object.create(null);
    return { recordType: "made", id: {} };
  }, { address });
  await using c = await TransformClient.connect(
    `http://${server.address}`,
    "t",
  );
  const { results } = await c.processBatch({
    records: [recordOf(1n), recordOf(2n)],
  });
  assertEquals(results.map((r) => r.status), [3, 1]);
  assertEquals(results[1]?.outputRecords[0]?.id?.sequenceNumber, 2n);
});

Deno.test("serveSource() cuts batches by bytes, so that large records can be delivered", async () => {
  await using server = await serveSource(async function* ({ sourceId }) {
    for (let n = 1n; n <= 80n; n++) {
      yield await Promise.resolve(recordOf(n, new Uint8Array(2 ** 20)));
    }
    yield { id: { sourceId, sequenceNumber: 81n } };
  }, { address });
  const channel = await Channel.connect(`http://${server.address}`);
  let count = 0;
  const requests = ReadableStream.from([{ sourceId: "s", consumerId: "c" }]);
  for await (
    const batch of channel.stream(source.methods.pullRecords, requests)
  ) count += batch.records.length;
  assertEquals(count, 81);
  await channel.close();
});

Deno.test("onError that throws harms neither the call nor the server", async () => {
  await using server = await serveSink({
    write: () => {},
    flush: () => Promise.reject(new Error("disk")),
  }, {
    address,
    onError: () => {
      throw new Error("the log is full");
    },
  });
  await using c = await SinkClient.connect(`http://${server.address}`, "s");
  for (let i = 0; i < 2; i++) await rejection(c.flush(), Code.Internal);
});
