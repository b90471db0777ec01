/**
 * Goal: `server.ts` ends as it is told to, and starts again where it was. Method: the real process and
 * real signals. Without leak checks: grpc-js leaves the backoff timer of a server that went away.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { AdminClient, SourceClient } from "@conveyor/grpc";
import { serveSink } from "@conveyor/grpc/connector";
import { connectTimeoutMs } from "../../lib/limits.ts";
import { freePorts } from "../fixtures/free_ports.ts";
import { inFolder } from "../fixtures/in_folder.ts";
import { line, numbers } from "../fixtures/router_setup.ts";
import { ServerProcess } from "../fixtures/server_process.ts";

const loopback = ["--listen-addr", "127.0.0.1:0", "--http-addr", "off"];

function test(name: string, fn: (folder: string) => Promise<void>): void {
  Deno.test({
    name,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () => inFolder(fn),
  });
}

/** The sink "store", registered with a router. */
function storeOf(router: string, write: () => Promise<void>) {
  return serveSink(write, {
    address: "127.0.0.1:0",
    signals: false,
    register: { router, service: { serviceId: "store-1", name: "store" } },
  });
}

test("server.ts settles what is in flight at SIGTERM, and starts again with it", async (folder) => {
  const args = [...loopback, "--data-dir", `${folder}/data`];
  await using first = new ServerProcess(args);
  const url = await first.url();
  const written: number[] = [];
  const entered = Promise.withResolvers<void>();
  const leave = Promise.withResolvers<void>();
  await using _sink = await storeOf(url, async () => {
    entered.resolve();
    await leave.promise;
    written.push(1);
  });
  {
    await using admin = await AdminClient.connect(url);
    await admin.createPipeline(line("store"));
    await using source = await SourceClient.connect(url, "numbers");
    const pushed = source.push(numbers(1));
    await entered.promise;
    first.signal("SIGTERM");
    await first.line("drains");
    leave.resolve();
    assertEquals((await pushed).length, 1);
  }
  assertEquals(await first.ended(), 0);
  assertEquals(written, [1]);
  await using second = new ServerProcess(args);
  await using admin = await AdminClient.connect(await second.url());
  assertEquals((await admin.listPipelines()).map(({ id }) => id), ["line"]);
  await using source = await SourceClient.connect(
    await second.url(),
    "numbers",
  );
  assertEquals(await source.resumePositions(), new Map([[0, 2n]]));
});

test("what a source pushes while server.ts drains is taken when it runs again", async (folder) => {
  const [port] = freePorts(1);
  const args = [
    ...["--listen-addr", `127.0.0.1:${port}`, "--http-addr", "off"],
    ...["--data-dir", `${folder}/data`],
  ];
  await using first = new ServerProcess(args);
  const url = await first.url();
  const entered = Promise.withResolvers<void>();
  const leave = Promise.withResolvers<void>();
  await using _sink = await storeOf(url, async () => {
    entered.resolve();
    await leave.promise;
  });
  await using admin = await AdminClient.connect(url);
  await admin.createPipeline(line("store"));
  await using source = await SourceClient.connect(url, "numbers");
  const before = source.push(numbers(1));
  await entered.promise;
  first.signal("SIGTERM");
  await first.line("drains");
  const meanwhile = source.push(numbers(1_000, 2));
  leave.resolve();
  assertEquals(await first.ended(), 0);
  await using second = new ServerProcess(args);
  await second.url();
  const outcomes = [...await before, ...await meanwhile];
  assertEquals(outcomes.filter(({ error }) => error !== ""), []);
});

test("server.ts stops at once at a second signal", async (folder) => {
  await using server = new ServerProcess([
    ...loopback,
    "--data-dir",
    folder,
  ]);
  const url = await server.url();
  const entered = Promise.withResolvers<void>();
  const leave = Promise.withResolvers<void>();
  await using _sink = await serveSink(() => {
    entered.resolve();
    return leave.promise;
  }, {
    address: "127.0.0.1:0",
    signals: false,
    register: {
      router: url,
      service: { serviceId: "store-1", name: "store" },
    },
  });
  await using admin = await AdminClient.connect(url);
  await admin.createPipeline(line("store"));
  const source = await SourceClient.connect(url, "numbers");
  const pushed = source.push(numbers(1)).catch(() => "lost");
  await entered.promise;
  server.signal("SIGINT");
  await server.line("drains");
  server.signal("SIGINT");
  assertEquals(await server.ended(), 130);
  await source.close();
  assertEquals(await pushed, "lost");
  leave.resolve();
});

test("server.ts that is told to end while it waits for its cluster ends well, without a complaint", async (folder) => {
  const [port, other] = freePorts(2);
  await using server = new ServerProcess([
    ...loopback,
    ...["--peers", `1=127.0.0.1:${port},2=127.0.0.1:${other}`],
    ...["--raft-addr", `127.0.0.1:${port}`, "--data-dir", folder],
  ]);
  await server.line("Lost peer");
  server.signal("SIGINT");
  assertEquals(await server.ended(), 0);
  await assertRejects(() => server.line("Cannot wait"));
});

test("server.ts that is told to end while it dials the routers it is to join ends at once", async (folder) => {
  using silent = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [port] = freePorts(1);
  await using server = new ServerProcess([
    ...loopback,
    ...["--node-id", "2", "--join", `127.0.0.1:${silent.addr.port}`],
    ...["--advertise-addr", `127.0.0.1:${port}`],
    ...["--raft-addr", `127.0.0.1:${port}`, "--data-dir", folder],
  ]);
  using _dialled = await silent.accept();
  const startMs = performance.now();
  server.signal("SIGTERM");
  assertEquals(await server.ended(), 0);
  assert(performance.now() - startMs < connectTimeoutMs / 2);
});
