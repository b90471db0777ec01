/**
 * Goal: the clients speak with services that this project did not make. Method: a transform, a sink
 * and a lookup in Python's grpcio, every method called, streams included.
 */
import { assertEquals } from "@std/assert";
import {
  LookupClient,
  LookupStatus,
  SinkClient,
  TransformClient,
} from "../../mod.ts";
import { Code } from "../../lib/errors.ts";
import { pythonMissing, PythonPeer } from "../fixtures/python.ts";
import { rejection } from "../fixtures/rejection.ts";

const sequences = [1n, 2n ** 53n + 1n, 2n ** 64n - 1n];
const records = sequences.map((sequenceNumber) => ({
  id: { sourceId: "deno", partition: 7, sequenceNumber },
  recordType: "order",
  payload: new Uint8Array([0, 255]),
  metadata: { airport: "SEA" },
  eventTime: { seconds: 1n, nanos: 999_999_999 },
}));

const missing = pythonMissing();
const name = "clients call every method of Python services" +
  (missing ? ` (skipped: ${missing})` : "");

Deno.test({ name, ignore: missing !== undefined }, async () => {
  await using peer = await PythonPeer.create();
  await using server = await peer.serve();

  await using transform = await TransformClient.connect(server.url, "t");
  const { results } = await transform.processBatch({ batchId: "b", records });
  assertEquals(
    results.map((result) => result.originalId?.sequenceNumber),
    sequences,
  );
  assertEquals(results[2]?.outputRecords[0]?.recordType, "ORDER");
  assertEquals(results[2]?.outputRecords[0]?.eventTime, {
    seconds: 1n,
    nanos: 999_999_999,
  });
  const failing = transform.processBatch({ records }, { fail: "set up wrong" });
  await rejection(failing, Code.FailedPrecondition);
  const streamed = await Array.fromAsync(transform.processStream(records));
  assertEquals(
    streamed.map((result) => result.originalId?.sequenceNumber),
    sequences,
  );
  assertEquals((await transform.getCapabilities()).maxBatchSize, 7);

  await using sink = await SinkClient.connect(server.url, "s");
  const written = await sink.writeBatch({ records });
  assertEquals(written.results.map((result) => result.success), [
    true,
    true,
    true,
  ]);
  const flowed = await Array.fromAsync(sink.writeStream(records));
  assertEquals(
    flowed.map((result) => result.recordId?.sequenceNumber),
    sequences,
  );
  assertEquals((await sink.flush()).flushedRecords, 6n);
  const capacity = await sink.getCapacity();
  assertEquals([capacity.availableCapacity, capacity.estimatedLatencyMs], [
    2n ** 64n - 1n,
    0.5,
  ]);

  await using lookup = await LookupClient.connect(server.url, "l");
  const answer = await lookup.lookup(records[0]!, ["airport"]);
  assertEquals(answer.status, LookupStatus.Found);
  assertEquals(new TextDecoder().decode(answer.lookupData.name), "name of SEA");
  const batch = await lookup.batchLookup(records, ["airport"]);
  assertEquals([batch.results.length, batch.stats?.found], [3, 3]);
  assertEquals((await lookup.getCapabilities()).supportsBatch, true);
});
