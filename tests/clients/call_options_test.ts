/** Options of the wrong type are refused by name, wherever they are given, and nothing is sent. */
import { assert, assertEquals } from "@std/assert";
import { SinkClient } from "../../clients/sink_client.ts";
import { TransformClient } from "../../clients/transform_client.ts";
import { Code } from "../../lib/errors.ts";
import { serveSink } from "../../lib/connector/connector.ts";
import { rejection } from "../fixtures/rejection.ts";
import { recordOf, startTransform } from "../fixtures/transform_server.ts";

/** What is given, and the field that the refusal must name. */
const wrongOptions: readonly (readonly [unknown, string])[] = [
  [5, "options"],
  [null, "options"],
  [{ timeoutMs: "1" }, "timeoutMs"],
  [{ timeoutMs: 0 }, "timeoutMs"],
  [{ timeoutMs: -1 }, "timeoutMs"],
  [{ timeoutMs: NaN }, "timeoutMs"],
  [{ timeoutMs: Infinity }, "timeoutMs"],
  [{ timeoutMs: 1n }, "timeoutMs"],
  [{ timeoutMs: null }, "timeoutMs"],
  [{ signal: "x" }, "signal"],
  [{ signal: null }, "signal"],
  [{ signal: new AbortController() }, "signal"],
  [{ signal: { aborted: false } }, "signal"],
  [{ metadata: 3 }, "metadata"],
  [{ metadata: "a" }, "metadata"],
  [{ metadata: null }, "metadata"],
  [{ metadata: ["a"] }, "metadata"],
  [{ metadata: { tenant: 5 } }, "metadata.tenant"],
  [{ metadata: { tenant: undefined } }, "metadata.tenant"],
  [{ metadata: { tenant: ["a"] } }, "metadata.tenant"],
  [{ metadata: { tenant: new Uint8Array(1) } }, "metadata.tenant"],
  [{ metadata: { "trace-bin": "text" } }, "metadata.trace-bin"],
  [{ metadata: { tenant: "a\nb" } }, "metadata.tenant"],
  [{ metadata: { "bad name": "x" } }, "metadata.bad name"],
  [{ metadata: { "": "x" } }, "metadata."],
  [{ metadata: { connection: "close" } }, "metadata.connection"],
  [{ metadata: { "Keep-Alive": "5" } }, "metadata.Keep-Alive"],
  [{ metadata: { "transfer-encoding": "x" } }, "metadata.transfer-encoding"],
  [{ metadata: { upgrade: "h2c" } }, "metadata.upgrade"],
  [{ metadata: { "content-length": "9" } }, "metadata.content-length"],
  [{ metadata: { "content-type": "x" } }, "metadata.content-type"],
  [{ metadata: { te: "gzip" } }, "metadata.te"],
  [{ metadata: { host: "other" } }, "metadata.host"],
  [{ metadata: { ":path": "/x" } }, "metadata.:path"],
  [{ metadata: { "grpc-timeout": "1S" } }, "metadata.grpc-timeout"],
  [{ retry: 5 }, "retry"],
  [{ retry: null }, "retry"],
  [{ retry: "often" }, "retry"],
  [{ retry: true }, "retry"],
  [{ retry: { maxAttempts: "3" } }, "retry.maxAttempts"],
  [{ retry: { maxAttempts: 0 } }, "retry.maxAttempts"],
  [{ retry: { initialBackoffMs: "3" } }, "retry.initialBackoffMs"],
  [{ retry: { multiplier: 0.5 } }, "retry.multiplier"],
];

const show = (options: unknown): string =>
  typeof options === "object" ? Deno.inspect(options) : String(options);

/** Fails unless `call` is refused for `field`, in a sentence that says so. */
async function refused(
  call: Promise<unknown>,
  options: unknown,
  field: string,
): Promise<void> {
  const error = await rejection(call, Code.InvalidArgument);
  assertEquals(error.details[0]?.field, field, show(options));
  assert(error.message.includes(field.replace(/^metadata\./, "")));
}

Deno.test("calls refuse options of the wrong type by name, and send nothing", async () => {
  let calls = 0;
  await using server = await startTransform({
    getCapabilities: () => ({ transformId: String(++calls) }),
    processBatch: () => ({ batchId: String(++calls) }),
    async *processStream() {
      calls++;
      yield { ready: {} };
    },
  });
  await using client = await TransformClient.connect(server.url, "t");
  const records = [recordOf(1n)];
  for (const [options, field] of wrongOptions) {
    const wrong = options as never;
    await refused(client.getCapabilities(wrong), options, field);
    await refused(client.processBatch({ records }, {}, wrong), options, field);
    const streamed = async (): Promise<unknown> =>
      await Array.fromAsync(client.processStream(records, wrong));
    await refused(streamed(), options, field);
  }
  assertEquals(calls, 0);
});

Deno.test("connect() refuses the same options by the same names", async () => {
  await using server = await startTransform();
  for (const [options, field] of wrongOptions) {
    const connecting = TransformClient.connect(
      server.url,
      "t",
      options as never,
    );
    await refused(connecting, options, field);
  }
  const more: readonly (readonly [unknown, string])[] = [
    [{ connectTimeoutMs: "5" }, "connectTimeoutMs"],
    [{ messageBytesMax: 0 }, "messageBytesMax"],
    [{ messageBytesMax: 2 ** 31 }, "messageBytesMax"],
    [{ keepaliveTimeMs: "5" }, "keepaliveTimeMs"],
    [{ keepaliveTimeoutMs: 0 }, "keepaliveTimeoutMs"],
    [{ bearerToken: 5 }, "bearerToken"],
    [{ bearerToken: "two words" }, "bearerToken"],
    [{ tls: 5 }, "tls"],
    [{ tls: null }, "tls"],
    [{ tls: { ca: "x" } }, "tls"],
  ];
  const tls: readonly (readonly [unknown, string])[] = [
    [{ ca: "x" }, "tls.ca"],
    [{ ca: 5 }, "tls.ca"],
    [{ caFile: 5 }, "tls.caFile"],
    [{ caFile: "/nowhere/ca.pem" }, "tls.caFile"],
    [{ ca: "x", caFile: "y" }, "tls.ca"],
    [{ cert: "x" }, "tls"],
    [{ cert: "x", key: "y" }, "tls.cert"],
    [{ serverName: 5 }, "tls.serverName"],
    [{ serverName: "" }, "tls.serverName"],
    [{}, "tls.serverName"],
  ];
  const calls: [string, unknown, string][] = [
    ...more.map(([options, field]) =>
      [server.url, options, field] as [string, unknown, string]
    ),
    ...tls.map(([options, field]) =>
      ["https://127.0.0.1:1", { tls: options }, field] as [
        string,
        unknown,
        string,
      ]
    ),
  ];
  for (const [url, options, field] of calls) {
    const connecting = TransformClient.connect(url, "t", options as never);
    await refused(connecting, options, field);
  }
});

Deno.test("writeStream() and processStream() refuse what goes with their options", async () => {
  await using server = await serveSink(() => {}, { address: "127.0.0.1:0" });
  await using sink = await SinkClient.connect(`http://${server.address}`, "s");
  for (const [options, field] of wrongOptions) {
    const streamed = async (): Promise<unknown> =>
      await Array.fromAsync(sink.writeStream([], options as never));
    await refused(streamed(), options, field);
    await refused(sink.flush(true, options as never), options, field);
  }
  for (const write of [5, null, "x"] as never[]) {
    const streamed = async (): Promise<unknown> =>
      await Array.fromAsync(sink.writeStream([], { write }));
    await refused(streamed(), write, "write");
    await refused(sink.writeBatch({}, write), write, "write");
  }
});
