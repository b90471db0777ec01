import { assert, assertEquals } from "@std/assert";
import { SinkClient } from "../../clients/sink_client.ts";
import { Code, ConveyorError } from "../../lib/errors.ts";
import type { Handlers } from "../../lib/rpc/handler.ts";
import {
  type SinkServiceMethods,
  WriteStatus,
} from "../../proto/messages/sink.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import { Loopback } from "../fixtures/loopback.ts";
import { rejection } from "../fixtures/rejection.ts";
import { recordOf } from "../fixtures/transform_server.ts";

const service: Service<SinkServiceMethods> = serviceOf(
  "conveyor.sink.SinkService",
);

function loopback(handlers: Handlers<SinkServiceMethods>): SinkClient {
  return new SinkClient(new Loopback().add(service, handlers), "s");
}

const records = [1n, 2n, 3n].map((sequence) => recordOf(sequence));

Deno.test("writeBatch() asks for acks and resolves with a result per record", async () => {
  const client = loopback({
    writeBatch: ({ sinkId, batch, options }) => ({
      batchId: `${sinkId} ${options?.requireAck} ${options?.timeoutMs}`,
      status: WriteStatus.Partial,
      results: batch?.records.map(({ id }, i) => ({
        recordId: id,
        success: i > 0,
        error: "full",
      })),
    }),
  });
  const answer = await client.writeBatch({ records }, { timeoutMs: 5 });
  assertEquals(answer.batchId, "s true 5");
  assertEquals(answer.results.map((result) => result.success), [
    false,
    true,
    true,
  ]);
});

Deno.test("writeBatch() rejects with DataLoss when results are left out, unless no ack was asked for", async () => {
  const client = loopback({
    writeBatch: () => ({ status: WriteStatus.Success }),
  });
  await rejection(client.writeBatch({ records }), Code.DataLoss);
  const { status } = await client.writeBatch({ records }, {
    requireAck: false,
  });
  assertEquals(status, WriteStatus.Success);
});

Deno.test("writeStream() keeps to credits, obeys backpressure and ends at the commit", async () => {
  const seen: string[] = [];
  const client = loopback({
    async *writeStream(requests) {
      for await (const { init, record, commit } of requests) {
        if (init) yield { ready: { initialCredits: 1n } };
        if (record) {
          seen.push(`record ${record.id?.sequenceNumber}`);
          yield { backpressure: { availableCredits: 0n, waitMs: 5 } };
          yield { result: { recordId: record.id, success: true } };
        }
        if (commit) {
          seen.push(`commit ${commit.upToSequence}`);
          yield { commitAck: { committedSequence: commit.upToSequence } };
        }
      }
    },
  });
  const results = await Array.fromAsync(client.writeStream(records));
  assertEquals(results.length, 3);
  assertEquals(seen, ["record 1", "record 2", "record 3", "commit 3"]);
});

Deno.test("writeStream() rejects with DataLoss when the sink ends without a commit", async () => {
  const client = loopback({
    async *writeStream(requests) {
      for await (const { init, record, commit } of requests) {
        if (init) yield { ready: { initialCredits: 9n } };
        if (record) yield { result: { recordId: record.id, success: true } };
        if (commit) return;
      }
    },
  });
  const error = await rejection(
    Array.fromAsync(client.writeStream(records)),
    Code.DataLoss,
  );
  assert(
    error.message.includes("without saying that it was done"),
    error.message,
  );
});

Deno.test("writeStream() rejects with what the sink throws", async () => {
  const client = loopback({
    // deno-lint-ignore require-yield -- it fails before it answers
    async *writeStream() {
      throw new ConveyorError(Code.ResourceExhausted, "disk full");
    },
  });
  await rejection(
    Array.fromAsync(client.writeStream(records)),
    Code.ResourceExhausted,
  );
});

Deno.test("flush() and getCapacity() carry their values", async () => {
  const client = loopback({
    flush: ({ sinkId, waitForCompletion }) => ({
      success: sinkId === "s" && waitForCompletion,
      flushedRecords: 2n ** 64n - 1n,
    }),
    getCapacity: () => ({ availableCapacity: 5n, estimatedLatencyMs: 1.5 }),
  });
  assertEquals(await client.flush(), {
    success: true,
    flushedRecords: 2n ** 64n - 1n,
  });
  assertEquals((await client.getCapacity()).estimatedLatencyMs, 1.5);
});
