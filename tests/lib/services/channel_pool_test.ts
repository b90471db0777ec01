/** Without leak checks: grpc-js leaves the backoff timer of an address that went away. */
import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { ChannelPool, urlOf } from "../../../lib/services/channel_pool.ts";
import { RpcServer } from "../../../lib/rpc/server.ts";
import { rawMethod } from "../../../proto/service.ts";
import { rejection } from "../../fixtures/rejection.ts";
import {
  identityHandlers,
  transformService,
} from "../../fixtures/transform_server.ts";

const processBatch = rawMethod(transformService.methods.processBatch);
const request = new Uint8Array(0);

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}

async function serve(
  address: string,
): Promise<{ readonly server: RpcServer; readonly url: string }> {
  const server = new RpcServer({}, (path, error) => {
    throw new Error(path, { cause: error });
  });
  server.add(transformService, identityHandlers());
  return { server, url: `http://${await server.listen(address)}` };
}

function call(pool: ChannelPool, url: string): Promise<Uint8Array> {
  const { signal } = new AbortController();
  return pool.call(url, processBatch, request, { signal, timeoutMs: 2_000 });
}

test("ChannelPool makes one connection to an address, and another number when it is made anew", async () => {
  await using pool = new ChannelPool({ connectTimeoutMs: 2_000 });
  const { server, url } = await serve("127.0.0.1:0");
  const first = pool.incarnation(url);
  await Promise.all([call(pool, url), call(pool, url), call(pool, url)]);
  assertEquals(pool.incarnation(url), first);
  await call(pool, url);
  assertEquals(pool.incarnation(url), first);
  await server.close(0);
  while (pool.incarnation(url) === first) {
    await new Promise<void>((resolve) => setImmediate(resolve));
  }
  const second = pool.incarnation(url);
  pool.keepOnly(new Set());
  assert(pool.incarnation(url) > second);
  const { server: again } = await serve(new URL(url).host);
  await call(pool, url);
  assert(pool.incarnation(url) > first + 1);
  await again.close(0);
});

test("ChannelPool tries an address anew that could not be reached", async () => {
  await using pool = new ChannelPool({ connectTimeoutMs: 100 });
  const { server, url } = await serve("127.0.0.1:0");
  await server.close(0);
  await rejection(call(pool, url), Code.Unavailable);
  const { server: again } = await serve(new URL(url).host);
  await call(pool, url);
  await again.close(0);
});

test("ChannelPool.close() ends all, and takes no more calls", async () => {
  const pool = new ChannelPool();
  const { server, url } = await serve("127.0.0.1:0");
  await call(pool, url);
  await pool.close();
  await pool.close();
  await rejection(call(pool, url), Code.Unavailable);
  await server.close(0);
});

Deno.test("urlOf() puts an IPv6 address into brackets, and knows TLS", () => {
  const endpoint = { host: "h", port: 1, useTls: false };
  assertEquals(urlOf(endpoint), "http://h:1");
  assertEquals(urlOf({ ...endpoint, host: "::1" }), "http://[::1]:1");
  assertEquals(urlOf({ ...endpoint, useTls: true }), "https://h:1");
});
