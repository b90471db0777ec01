/**
 * Goal: clients that this project did not make speak with the connector servers. Method: Python's
 * grpcio calls every method of a transform, a sink and a lookup, streams included.
 */
import { assertEquals } from "@std/assert";
import {
  serveLookup,
  serveSink,
  serveTransform,
} from "@conveyor/grpc/connector";
import { pythonMissing, PythonPeer } from "../fixtures/python.ts";

const missing = pythonMissing();
const name = "connector servers answer every method called by a Python client" +
  (missing ? ` (skipped: ${missing})` : "");

Deno.test({ name, ignore: missing !== undefined }, async () => {
  const options = { address: "127.0.0.1:0" };
  const stored: bigint[] = [];
  await using transform = await serveTransform(
    (record) => ({ ...record, recordType: record.recordType.toUpperCase() }),
    options,
  );
  await using sink = await serveSink((record) => {
    stored.push(record.id!.sequenceNumber);
  }, options);
  await using lookup = await serveLookup(
    (record, [key]) => ({ city: `city of ${record.metadata[key!]}` }),
    options,
  );
  await using peer = await PythonPeer.create();
  const sequences = ["1", "9007199254740993", "18446744073709551615"];
  assertEquals(
    await peer.call(transform.address, sink.address, lookup.address),
    {
      processBatch: sequences.map((sequence) => [sequence, 1, "ORDER"]),
      processStream: ["ready", "result", "result", "result", "completed"],
      transformCapabilities: true,
      writeBatch: sequences.map((sequence) => [sequence, true]),
      writeStream: ["ready", "result", "result", "result", "commit_ack"],
      committed: "18446744073709551615",
      flush: true,
      lookup: "city of SEA",
      batchLookup: [3, 3],
      lookupCapabilities: true,
    },
  );
  assertEquals(stored.map(String), [...sequences, ...sequences]);
});
