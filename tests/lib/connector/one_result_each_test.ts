/** One result for each record, whatever the function does and whatever the caller sends. */
import { assertEquals } from "@std/assert";
import { SinkClient } from "../../../clients/sink_client.ts";
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
