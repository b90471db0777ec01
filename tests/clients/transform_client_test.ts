import { assert, assertEquals, assertRejects } from "@std/assert";
import type { ConnectOptions } from "../../clients/channel_options.ts";
import { TransformClient } from "../../clients/transform_client.ts";
import { Code, ConveyorError } from "../../lib/errors.ts";
import type { Handlers } from "../../lib/rpc/handler.ts";
import {
  type TransformServiceMethods,
  TransformStatus,
} from "../../proto/messages/transform.ts";
import { Loopback } from "../fixtures/loopback.ts";
import { rejection } from "../fixtures/rejection.ts";
import {
  identityHandlers,
  recordOf,
  startTransform,
  transformService,
  unchanged,
} from "../fixtures/transform_server.ts";

function loopback(
  handlers: Handlers<TransformServiceMethods> = identityHandlers(),
): TransformClient {
  return new TransformClient(
    new Loopback().add(transformService, handlers),
    "t",
  );
}

async function* many(
  count: number,
): AsyncGenerator<ReturnType<typeof recordOf>> {
  for (let i = 1; i <= count; i++) {
    yield await Promise.resolve(recordOf(BigInt(i)));
  }
}

Deno.test("processBatch() resolves with a result for each record", async () => {
  await using server = await startTransform();
  await using client = await TransformClient.connect(server.url, "t");
  const sequences = [1n, 2n ** 53n + 1n, 2n ** 64n - 1n];
  const answer = await client.processBatch({
    batchId: "b",
    records: sequences.map((n) => recordOf(n)),
  });
  assertEquals(answer.batchId, "b");
  assertEquals(
    answer.results.map((result) => result.originalId?.sequenceNumber),
    sequences,
  );
  assertEquals(answer.results[0]?.status, TransformStatus.Success);
  assertEquals((await client.getCapabilities()).transformId, "identity");
});

Deno.test("processBatch() hands the config to the transform", async () => {
  const client = loopback({
    processBatch: ({ transformId, transformConfig }) => ({
      batchId: `${transformId} ${transformConfig.mode}`,
    }),
  });
  assertEquals(
    (await client.processBatch({}, { mode: "fast" })).batchId,
    "t fast",
  );
});

Deno.test("processBatch() rejects with DataLoss when results are not one per record", async () => {
  const answers: [string, Handlers<TransformServiceMethods>["processBatch"]][] =
    [
      ["no result for 2 records", () => ({})],
      [
        "no result for 1 records",
        ({ inputBatch }) => ({ results: [unchanged(inputBatch!.records[0]!)] }),
      ],
      [
        'record "other"/0/9, which it does not owe',
        () => ({
          results: [{ originalId: { sourceId: "other", sequenceNumber: 9n } }],
        }),
      ],
      ["a result without a record id", () => ({ results: [{}] })],
      [
        'record "test"/1/1, which it does not owe',
        ({ inputBatch }) => ({
          results: [0, 0, 1].map((i) => unchanged(inputBatch!.records[i]!)),
        }),
      ],
    ];
  for (const [what, processBatch] of answers) {
    const client = loopback({ processBatch: processBatch! });
    const error = await rejection(
      client.processBatch({ records: [recordOf(1n), recordOf(2n)] }),
      Code.DataLoss,
    );
    assert(error.message.includes(what), error.message);
  }
});

Deno.test("processBatch() sends nothing when a record has no id or the batch is too large", async () => {
  let calls = 0;
  await using server = await startTransform({
    processBatch: () => {
      calls++;
      return {};
    },
  });
  await using client = await TransformClient.connect(server.url, "t", {
    messageBytesMax: 1_000,
  });
  const missing = await rejection(
    client.processBatch({ records: [{}] }),
    Code.InvalidArgument,
  );
  assertEquals(missing.details[0]?.field, "batch.records[0].id.sourceId");
  const large = client.processBatch({
    records: [recordOf(1n, new Uint8Array(1_000))],
  });
  assert(
    (await rejection(large, Code.ResourceExhausted)).message.includes(
      "at most 1000 bytes",
    ),
  );
  assertEquals(calls, 0);
});

Deno.test("processStream() keeps to the room the service gives", async () => {
  let unanswered = 0;
  let most = 0;
  await using server = await startTransform({
    async *processStream(requests) {
      const held = [];
      for await (const { init, record, flush } of requests) {
        if (init) yield { ready: { bufferCapacity: 3n } };
        if (record) {
          held.push(record);
          most = Math.max(most, ++unanswered);
        }
        if (held.length === 3 || flush) {
          for (const record of held.splice(0)) {
            unanswered--;
            yield { result: unchanged(record) };
          }
        }
        if (flush) yield { completed: {} };
      }
    },
  });
  await using client = await TransformClient.connect(server.url, "t");
  let results = 0;
  for await (const result of client.processStream(many(100))) {
    assertEquals(result.originalId?.sequenceNumber, BigInt(++results));
  }
  assertEquals([results, most], [100, 3]);
});

Deno.test("processStream() rejects with DataLoss when the service completes too early", async () => {
  const client = loopback({
    async *processStream(requests) {
      for await (const { init, flush } of requests) {
        if (init) yield { ready: { bufferCapacity: 9n } };
        if (flush) yield { completed: {} };
      }
    },
  });
  const error = await rejection(
    Array.fromAsync(client.processStream(many(2))),
    Code.DataLoss,
  );
  assert(error.message.includes("no result for 2 records"), error.message);
});

Deno.test("processStream() ends the call when its loop is left", async () => {
  const left = Promise.withResolvers<void>();
  await using server = await startTransform({
    async *processStream(requests, { signal }) {
      signal.addEventListener("abort", () => left.resolve());
      yield* identityHandlers().processStream!(requests, {} as never);
    },
  });
  await using client = await TransformClient.connect(server.url, "t");
  for await (const _ of client.processStream(many(1_000_000))) break;
  await left.promise;
});

Deno.test("processStream() rejects with what its source throws", async () => {
  await using server = await startTransform();
  await using client = await TransformClient.connect(server.url, "t");
  async function* broken(): AsyncGenerator<ReturnType<typeof recordOf>> {
    yield* many(2);
    throw new RangeError("the file ended");
  }
  await assertRejects(
    () => Array.fromAsync(client.processStream(broken())),
    RangeError,
    "the file ended",
  );
});

Deno.test("processStream() rejects with the service's status after its results", async () => {
  await using server = await startTransform({
    async *processStream(requests) {
      for await (const { init, record } of requests) {
        if (init) yield { ready: { bufferCapacity: 9n } };
        if (record) yield { result: unchanged(record) };
        if (record?.id?.sequenceNumber === 5n) {
          throw new ConveyorError(Code.FailedPrecondition, "no disk");
        }
      }
    },
  });
  await using client = await TransformClient.connect(server.url, "t");
  const seen: bigint[] = [];
  const reading = (async () => {
    for await (const { originalId } of client.processStream(many(5))) {
      seen.push(originalId!.sequenceNumber);
    }
  })();
  await rejection(reading, Code.FailedPrecondition);
  assertEquals(seen, [1n, 2n, 3n, 4n, 5n]);
});

Deno.test("connect() rejects naming the option, the rule and the value", async () => {
  const cases: [string, string, ConnectOptions, string][] = [
    ["localhost:50051", "t", {}, "url"],
    ["ftp://localhost", "t", {}, "url"],
    ["http://localhost/path", "t", {}, "url"],
    ["unix:", "t", {}, "url"],
    ["http://localhost:1", "", {}, "transformId"],
    ["http://localhost:1", "t", { timeoutMs: -1 }, "timeoutMs"],
    ["http://localhost:1", "t", { connectTimeoutMs: NaN }, "connectTimeoutMs"],
    ["http://localhost:1", "t", { messageBytesMax: 0 }, "messageBytesMax"],
    [
      "http://localhost:1",
      "t",
      { retry: { maxAttempts: 0 } },
      "retry.maxAttempts",
    ],
    ["http://localhost:1", "t", { tls: { ca: "x" } }, "tls"],
    ["https://localhost:1", "t", { tls: { caFile: "/no/such" } }, "tls.caFile"],
    ["https://localhost:1", "t", { tls: { key: "x" } }, "tls"],
    ["http://localhost:1", "t", { bearerToken: "" }, "bearerToken"],
    ["http://localhost:1", "t", { bearerToken: "secret\n" }, "bearerToken"],
    ["http://localhost:1", "t", null as never, "options"],
    ["https://localhost:1", "t", { tls: null as never }, "tls"],
  ];
  for (const [url, id, options, field] of cases) {
    const error = await rejection(
      TransformClient.connect(url, id, options),
      Code.InvalidArgument,
    );
    assertEquals(error.details[0]?.field, field, error.message);
    assert(!error.message.includes("secret"), error.message);
  }
});

Deno.test("processBatch() refuses a negative deadline", async () => {
  await using server = await startTransform();
  await using client = await TransformClient.connect(server.url, "t");
  const error = await rejection(
    client.processBatch({}, {}, { timeoutMs: -5 }),
    Code.InvalidArgument,
  );
  assertEquals(error.details[0]?.field, "timeoutMs");
});
