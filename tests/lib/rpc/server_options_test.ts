import { assertEquals, assertThrows } from "@std/assert";
import { once } from "node:events";
import http2 from "node:http2";
import { ConveyorError } from "../../../lib/errors.ts";
import { RpcServer } from "../../../lib/rpc/server.ts";
import {
  resolveRpcServerOptions,
  type RpcServerOptions,
} from "../../../lib/rpc/server_options.ts";

Deno.test("resolveRpcServerOptions() bounds messages, calls and connections by default", () => {
  assertEquals(resolveRpcServerOptions().server, {
    "grpc.max_receive_message_length": 64 * 2 ** 20,
    "grpc.max_send_message_length": 64 * 2 ** 20,
    "grpc.max_concurrent_streams": 1_000,
    "grpc.max_connection_idle_ms": 600_000,
    "grpc.keepalive_time_ms": 30_000,
    "grpc.keepalive_timeout_ms": 10_000,
  });
});

const folder = new URL("../../fixtures/tls/", import.meta.url);
const cert = Deno.readTextFileSync(new URL("server.pem", folder));
const key = Deno.readTextFileSync(new URL("server.key", folder));

Deno.test("resolveRpcServerOptions() names the option that is out of range", () => {
  const cases: [RpcServerOptions, string][] = [
    [{ messageBytesMax: 0 }, "messageBytesMax"],
    [{ concurrentStreamsMax: 1.5 }, "concurrentStreamsMax"],
    [{ connectionIdleMs: -1 }, "connectionIdleMs"],
    [{ keepaliveTimeMs: NaN }, "keepaliveTimeMs"],
    [{ keepaliveTimeoutMs: Infinity }, "keepaliveTimeoutMs"],
    [{ tls: { cert: "", key: "x" } }, "tls.cert"],
    [{ tls: { cert: "x", key: "x" } }, "tls.cert"],
    [{ tls: { cert, key: "x" } }, "tls.key"],
    [{ tls: { cert, key, clientCa: "" } }, "tls.clientCa"],
    // Plaintext instead would be a bad surprise.
    [{ tls: null as never }, "tls"],
  ];
  for (const [options, field] of cases) {
    const error = assertThrows(
      () => resolveRpcServerOptions(options),
      ConveyorError,
    );
    assertEquals(error.details[0]?.field, field);
  }
});

Deno.test("a server closes a connection without calls, and states how many it takes", async () => {
  await using server = new RpcServer(
    { connectionIdleMs: 100, concurrentStreamsMax: 7 },
    () => {},
  );
  const address = await server.listen("127.0.0.1:0");
  const session = http2.connect(`http://${address}`);
  const closed = once(session, "close");
  const [settings] = await once(session, "remoteSettings");
  assertEquals(settings.maxConcurrentStreams, 7);
  await closed;
});

Deno.test("a server closes a connection whose peer no longer answers pings", async () => {
  await using server = new RpcServer({
    keepaliveTimeMs: 50,
    keepaliveTimeoutMs: 50,
  }, () => {});
  const [hostname, port] = (await server.listen("127.0.0.1:0")).split(":");
  using peer = await Deno.connect({ hostname: hostname!, port: Number(port) });
  // The preface and empty settings of HTTP/2, and then silence.
  const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
  await peer.write(new TextEncoder().encode(preface));
  const buffer = new Uint8Array(1_024);
  while (await peer.read(buffer).catch(() => null) !== null);
});
