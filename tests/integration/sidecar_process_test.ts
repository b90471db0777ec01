/**
 * Goal: `lib/sidecar/main.ts` tells an operator of a pod what is wrong by the variable that it stands in,
 * and which permissions it needs.
 * Method: the real process with a real environment.
 */
import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import { SourceClient } from "@conveyor/grpc";
import { serveSink } from "@conveyor/grpc/connector";
import { freePorts } from "../fixtures/free_ports.ts";
import {
  line,
  numberOf,
  numbers,
  RouterSetup,
} from "../fixtures/router_setup.ts";
import { runServer, ServerProcess } from "../fixtures/server_process.ts";

const script = "lib/sidecar/main.ts";
const pod = { SIDECAR_ID: "pod-1", POD_IP: "127.0.0.1", GRPC_PORT: "0" };

for (
  const { env, says } of [
    { env: {}, says: '"SIDECAR_ID": or POD_NAME must be given' },
    {
      env: { ...pod, GRPC_PORT: "x" },
      says: '"GRPC_PORT": must be an integer',
    },
    {
      env: { ...pod, LOCAL_SERVICES: "enrich" },
      says:
        '"LOCAL_SERVICES": must be "name=type@url", or "name=source", each, found "enrich"',
    },
    {
      env: { ...pod, LOCAL_SERVICES: "enrich=door@x:1" },
      says:
        '"LOCAL_SERVICES": must be one of source, transform, sink, any, found "door"',
    },
    {
      env: { ...pod, LOCAL_SERVICES: "enrich=transform" },
      says: '"LOCAL_SERVICES": must say where "enrich" is called',
    },
    {
      env: { ...pod, LOCAL_SERVICES: "enrich=transform+exactly_once@x:1" },
      says:
        '"LOCAL_SERVICES": exactly once goes with a sink alone, found "transform"',
    },
    {
      env: { ...pod, CONVEYOR_LISTEN_HOST: "::" },
      says:
        '"CONVEYOR_LISTEN_HOST": must be a name or an address, of IPv6 as "[::]", found "::"',
    },
    {
      env: { ...pod, CLUSTER_ENDPOINT: "ftp://x" },
      says: '"CLUSTER_ENDPOINT": must be "http://host:port"',
    },
    {
      env: { ...pod, DISCOVERY_START_PORT: "9", DISCOVERY_END_PORT: "8" },
      says: '"DISCOVERY_END_PORT": must be an integer from 9',
    },
    {
      env: { ...pod, DISCOVERY_START_PORT: "1", DISCOVERY_END_PORT: "9000" },
      says:
        '"DISCOVERY_END_PORT": must make at most 4096 ports with "DISCOVERY_START_PORT", which is 1, found 9000',
    },
    {
      env: { ...pod, DISCOVERY_END_PORT: "8" },
      says: '"DISCOVERY_START_PORT": must be given with "DISCOVERY_END_PORT"',
    },
  ] as const
) {
  Deno.test(`a sidecar refuses ${says}`, async () => {
    const { code, stderr } = await runServer([], { script, env });
    assertEquals(code, 64, stderr);
    assertEquals(stderr.trim().split("\n").length, 1, stderr);
    assert(stderr.includes(says), stderr);
  });
}

Deno.test("a sidecar names the permissions that it lacks", async () => {
  const { code, stderr } = await runServer([], {
    script,
    env: {
      ...pod,
      GRPC_PORT: "9095",
      CLUSTER_ENDPOINT: "10.0.0.1:50051",
      LOCAL_SERVICES: "enrich=transform@127.0.0.1:50061",
    },
    deno: [
      "--no-prompt",
      "--allow-env=CONVEYOR_*,SIDECAR_ID,POD_NAME,POD_IP,NAMESPACE,GRPC_*,CLUSTER_ENDPOINT,LOCAL_SERVICES,DISCOVERY_START_PORT,DISCOVERY_END_PORT,HEARTBEAT_INTERVAL_SECS,DENO_KV_*,LOG_STREAM,LOG_TOKENS,NO_COLOR,grpc_proxy,http_proxy,https_proxy,no_grpc_proxy,no_proxy",
    ],
  });
  assertEquals(code, 77, stderr);
  assertEquals(
    stderr,
    "Cannot start: the sidecar is not permitted what it needs; add " +
      "--allow-net=0.0.0.0:9095,10.0.0.1:50051,127.0.0.1:50061\n",
  );
});

Deno.test("a sidecar whose cluster is away says whom it waits for, and ends when it is told to", async () => {
  await using sidecar = new ServerProcess([], {
    script,
    env: { ...pod, CLUSTER_ENDPOINT: "127.0.0.1:9" },
  });
  assertMatch(
    await sidecar.line("registers"),
    /The sidecar registers with its cluster routers=http:\/\/127\.0\.0\.1:9$/,
  );
  sidecar.signal("SIGTERM");
  await sidecar.line("drains");
  assertEquals(await sidecar.ended(), 0);
  await assertRejects(() => sidecar.line("is ready"));
});

Deno.test("a sidecar runs with exactly the permissions that it asks for", async () => {
  await using setup = await RouterSetup.start();
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  const stored: number[] = [];
  await using store = await serveSink(
    (record) => void stored.push(numberOf(record)),
    { address: "127.0.0.1:0", signals: false },
  );
  const [port] = freePorts(1);
  const env = {
    ...pod,
    CONVEYOR_LISTEN_HOST: "127.0.0.1",
    GRPC_PORT: `${port}`,
    CLUSTER_ENDPOINT: setup.url,
    LOCAL_SERVICES: `numbers=source,store=sink@${store.address}`,
  };
  // Without the environment it would not know what to ask for.
  const names = Object.keys(env).join();
  const told = await runServer([], {
    script,
    env,
    deno: ["--no-prompt", `--allow-env=${names}`],
  });
  assertEquals(told.code, 77, told.stderr);
  const flags = told.stderr.match(/--allow-\S+/g)!
    .map((flag) => flag.replaceAll("'", ""));
  assertEquals(
    flags.map((flag) => flag.slice(0, flag.indexOf("="))),
    ["--allow-net", "--allow-env"],
  );
  await using sidecar = new ServerProcess([], {
    script,
    env,
    deno: ["--no-prompt", ...flags],
  });
  await using source = await SourceClient.connectToSidecar(
    await sidecar.url(),
    "numbers",
  );
  await source.push(numbers(100));
  assertEquals(stored.length, 100);
  sidecar.signal("SIGTERM");
  assertEquals(await sidecar.ended(), 0);
});

Deno.test("of two sidecars with one id the newer goes on, and the older ends and says who it is; one that is restarted goes on at once", async () => {
  await using setup = await RouterSetup.start();
  const start = () =>
    new ServerProcess([], {
      script,
      env: {
        ...pod,
        CONVEYOR_LISTEN_HOST: "127.0.0.1",
        CLUSTER_ENDPOINT: setup.url,
        // Longer than the test: none of them waits for a heartbeat or a lease to end.
        HEARTBEAT_INTERVAL_SECS: "60",
      },
    });
  await using killed = start();
  await killed.url();
  killed.signal("SIGKILL");
  await using older = start();
  await older.url();
  await using newer = start();
  const url = await newer.url();
  assertEquals(await older.ended(), 78);
  const reason =
    `Cannot go on as sidecar "pod-1": ${url} has registered under that id since`;
  assert((await older.line("another has its id")).endsWith(reason));
  newer.signal("SIGTERM");
  assertEquals(await newer.ended(), 0);
});
