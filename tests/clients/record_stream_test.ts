/** A stream of records must not end well unless all of them were sent and answered. */
import { assert, assertEquals } from "@std/assert";
import { SinkClient } from "../../clients/sink_client.ts";
import { TransformClient } from "../../clients/transform_client.ts";
import { Code } from "../../lib/errors.ts";
import type { Handlers } from "../../lib/rpc/handler.ts";
import type { SinkServiceMethods } from "../../proto/messages/sink.ts";
import type { TransformServiceMethods } from "../../proto/messages/transform.ts";
import { serviceOf } from "../../proto/service.ts";
import { Loopback } from "../fixtures/loopback.ts";
import { rejection } from "../fixtures/rejection.ts";
import {
  recordOf,
  startTransform,
  transformService,
  unchanged,
} from "../fixtures/transform_server.ts";

type ProcessStream = NonNullable<
  Handlers<TransformServiceMethods>["processStream"]
>;
type WriteStream = NonNullable<Handlers<SinkServiceMethods>["writeStream"]>;

const records = [1n, 2n, 3n].map((sequence) => recordOf(sequence));

function transforming(processStream: ProcessStream): TransformClient {
  return new TransformClient(
    new Loopback().add(transformService, { processStream }),
    "t",
  );
}

function writing(writeStream: WriteStream): SinkClient {
  const service = serviceOf<SinkServiceMethods>("conveyor.sink.SinkService");
  return new SinkClient(new Loopback().add(service, { writeStream }), "s");
}

Deno.test("processStream() rejects with DataLoss when the service ends without a word", async () => {
  const client = transforming(async function* () {});
  await rejection(
    Array.fromAsync(client.processStream(records)),
    Code.DataLoss,
  );
});

Deno.test("processStream() rejects with DataLoss when the service leaves before all was sent", async () => {
  const client = transforming(async function* (requests) {
    for await (const { init, record } of requests) {
      if (init) yield { ready: { bufferCapacity: 1n } };
      if (!record) continue;
      yield { result: unchanged(record) };
      return;
    }
  });
  await rejection(
    Array.fromAsync(client.processStream(records)),
    Code.DataLoss,
  );
});

Deno.test("processStream() rejects with DataLoss when completed comes before all was sent", async () => {
  const client = transforming(async function* (requests) {
    for await (const { init, record } of requests) {
      if (init) yield { ready: { bufferCapacity: 1n } };
      if (record) yield { result: unchanged(record) };
      yield { completed: {} };
    }
  });
  const error = await rejection(
    Array.fromAsync(client.processStream(records)),
    Code.DataLoss,
  );
  assert(error.message.includes("before every record was sent"), error.message);
});

Deno.test("writeStream() rejects with DataLoss when the commit stops short", async () => {
  const client = writing(async function* (requests) {
    for await (const { init, record, commit } of requests) {
      if (init) yield { ready: { initialCredits: 9n } };
      if (record) yield { result: { recordId: record.id, success: true } };
      if (commit) yield { commitAck: { committedSequence: 2n } };
    }
  });
  const error = await rejection(
    Array.fromAsync(client.writeStream(records)),
    Code.DataLoss,
  );
  assert(
    error.message.includes("committed up to sequence 2 of 3"),
    error.message,
  );
});

Deno.test("processStream() lets the service end the stream by itself", async () => {
  const ended = Promise.withResolvers<boolean>();
  await using server = await startTransform({
    async *processStream(requests, { signal }) {
      try {
        for await (const { init, record, flush } of requests) {
          if (init) yield { ready: { bufferCapacity: 9n } };
          if (record) yield { result: unchanged(record) };
          if (flush) yield { completed: {} };
        }
      } finally {
        ended.resolve(signal.aborted);
      }
    },
  });
  await using client = await TransformClient.connect(server.url, "t");
  assertEquals(
    (await Array.fromAsync(client.processStream(records))).length,
    3,
  );
  assertEquals(await ended.promise, false);
});

Deno.test("records that are not iterable, or not records, are refused by name", async () => {
  const client = transforming(async function* (requests) {
    for await (const { init } of requests) if (init) yield { ready: {} };
  });
  const cases: [unknown, string][] = [[null, "records"], [5, "records"], [
    [null],
    "record.id.sourceId",
  ]];
  for (const [wrong, field] of cases) {
    const results = client.processStream(wrong as typeof records);
    const error = await rejection(
      Array.fromAsync(results),
      Code.InvalidArgument,
    );
    assertEquals(error.details[0]?.field, field);
  }
  for (const batch of [null, { records: "abc" }, { records: [null] }]) {
    await rejection(client.processBatch(batch as never), Code.InvalidArgument);
  }
});
