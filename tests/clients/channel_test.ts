import { assert, assertEquals, assertGreater } from "@std/assert";
import type { ConnectOptions } from "../../clients/channel_options.ts";
import { TransformClient } from "../../clients/transform_client.ts";
import { Code, ConveyorError } from "../../lib/errors.ts";
import { timeoutMsMax } from "../../lib/limits.ts";
import type { CallContext } from "../../lib/rpc/handler.ts";
import { rejection } from "../fixtures/rejection.ts";
import {
  identityHandlers,
  recordOf,
  startTransform,
  type TransformServer,
} from "../fixtures/transform_server.ts";

/** A transform whose capabilities are what `answer` says of the call. */
function answering(
  answer: (context: CallContext) => unknown,
): Promise<TransformServer> {
  return startTransform({
    getCapabilities: async (_, context) => ({
      transformId: String(await answer(context)),
    }),
  });
}

async function idAt(url: string, options?: ConnectOptions): Promise<string> {
  await using client = await TransformClient.connect(url, "t", options);
  return (await client.getCapabilities()).transformId;
}

/** A call that no one answers; `left` resolves when its caller is gone. */
function silence(): {
  answer: (context: CallContext) => Promise<never>;
  left: Promise<void>;
  called: Promise<void>;
} {
  const left = Promise.withResolvers<void>();
  const called = Promise.withResolvers<void>();
  const answer = ({ signal }: CallContext): Promise<never> => {
    called.resolve();
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => {
        left.resolve();
        reject(signal.reason);
      })
    );
  };
  return { answer, left: left.promise, called: called.promise };
}

Deno.test("connect() rejects with Canceled when its signal aborts", async () => {
  const connecting = TransformClient.connect("http://127.0.0.1:1", "t", {
    signal: AbortSignal.abort(new Error("changed my mind")),
  });
  assert(
    (await rejection(connecting, Code.Canceled)).message.includes(
      "changed my mind",
    ),
  );
});

Deno.test("unary() sends the token and the metadata of connection and call", async () => {
  await using server = await startTransform({
    getCapabilities: (_, { metadata }) => ({
      transformId: `${metadata.authorization} ${metadata.tenant} ${
        metadata["trace-bin"]
      }`,
    }),
  });
  await using client = await TransformClient.connect(server.url, "t", {
    bearerToken: "secret",
    metadata: { tenant: "a" },
  });
  const { transformId } = await client.getCapabilities({
    metadata: { "trace-bin": new Uint8Array([1, 255]) },
  });
  assertEquals(transformId, "Bearer secret a 1,255");
});

Deno.test("unary() rejects with InvalidArgument when metadata cannot be sent", async () => {
  await using server = await startTransform();
  await using client = await TransformClient.connect(server.url, "t");
  const call = client.getCapabilities({ metadata: { "bad name": "x" } });
  assertEquals(
    (await rejection(call, Code.InvalidArgument)).details[0]?.field,
    "metadata.bad name",
  );
});

Deno.test("unary() rejects at its deadline, and the server learns of it", async () => {
  const { answer, left } = silence();
  await using server = await answering(answer);
  await using client = await TransformClient.connect(server.url, "t");
  await rejection(
    client.getCapabilities({ timeoutMs: 100 }),
    Code.DeadlineExceeded,
  );
  await left;
});

Deno.test("unary() takes the longest deadline there is", async () => {
  await using server = await startTransform();
  await using client = await TransformClient.connect(server.url, "t");
  await client.getCapabilities({ timeoutMs: timeoutMsMax });
});

Deno.test("unary() rejects when its signal aborts, and the server learns of it", async () => {
  const { answer, left, called } = silence();
  await using server = await answering(answer);
  await using client = await TransformClient.connect(server.url, "t");
  const controller = new AbortController();
  const call = client.getCapabilities({ signal: controller.signal });
  await called;
  controller.abort(new Error("enough"));
  assert((await rejection(call, Code.Canceled)).message.includes("enough"));
  await left;
});

Deno.test("close() cancels calls under way, and every later one", async () => {
  const { answer, left, called } = silence();
  await using server = await answering(answer);
  const client = await TransformClient.connect(server.url, "t");
  const refused = rejection(client.getCapabilities(), Code.Canceled);
  await called;
  await client.close();
  await client.close();
  assert((await refused).message.includes("the client was closed"));
  await rejection(client.getCapabilities(), Code.Canceled);
  await left;
});

Deno.test("unary() carries code, details and metadata of the service's error", async () => {
  await using server = await answering(() => {
    throw new ConveyorError(Code.OutOfRange, "Cannot read line 7", {
      details: [{ field: "line", description: "must be at most 5, found 7" }],
      metadata: { hint: ["ask less"] },
    });
  });
  await using client = await TransformClient.connect(server.url, "t");
  const error = await rejection(client.getCapabilities(), Code.OutOfRange);
  assert(error.message.includes("Cannot read line 7"), error.message);
  assertEquals(error.details, [{
    field: "line",
    description: "must be at most 5, found 7",
  }]);
  assertEquals(error.metadata.hint, ["ask less"]);
});

Deno.test("unary() tries again by its policy, and only what is transient", async () => {
  let calls = 0;
  const fails = (code: Code, times: number): Promise<TransformServer> =>
    answering(() => {
      if (++calls <= times) throw new ConveyorError(code, "not now");
      return "ok";
    });
  const retry = { maxAttempts: 3, initialBackoffMs: 1 };
  for (
    const [code, times, expectedCalls, succeeds] of [
      [Code.Unavailable, 2, 3, true],
      [Code.Aborted, 3, 3, false],
      [Code.InvalidArgument, 1, 1, false],
    ] as const
  ) {
    calls = 0;
    await using server = await fails(code, times);
    const call = idAt(server.url, { retry });
    if (succeeds) assertEquals(await call, "ok");
    else await rejection(call, code);
    assertEquals(calls, expectedCalls);
  }
});

Deno.test("unary() is one attempt unless a policy is given", async () => {
  let calls = 0;
  await using server = await answering(() => {
    calls++;
    throw new ConveyorError(Code.Unavailable, "not now");
  });
  await rejection(idAt(server.url), Code.Unavailable);
  assertEquals(calls, 1);
});

Deno.test("unary() reads a message of 32 MiB and refuses one over the bound", async () => {
  await using server = await startTransform();
  await using client = await TransformClient.connect(server.url, "t");
  const payload = new Uint8Array(32 * 2 ** 20).fill(7);
  const { results } = await client.processBatch({
    records: [recordOf(1n, payload)],
  });
  assertEquals(results[0]?.outputRecords[0]?.payload.length, payload.length);
  await using small = await TransformClient.connect(server.url, "t", {
    messageBytesMax: 2_000_000,
  });
  const twice = { records: [recordOf(1n, new Uint8Array(1_900_000))] };
  await using narrow = await startTransform(identityHandlers(), "127.0.0.1:0", {
    messageBytesMax: 1_000_000,
  });
  assertGreater((await small.processBatch(twice)).results.length, 0);
  await using other = await TransformClient.connect(narrow.url, "t");
  await rejection(other.processBatch(twice), Code.ResourceExhausted);
});
