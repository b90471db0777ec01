/**
 * Goal: a sidecar outlives what happens around it: routers that die, a registration that is lost, a
 * service of its pod that breaks; and it leaves without losing or repeating a record.
 * Method: routers and pods of real processes, or sidecars in this process beside real services. Without
 * leak checks: grpc-js leaves the backoff timer of an address that went away.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  AckStatus,
  AdminClient,
  BackupClient,
  CheckpointClient,
  Code,
  ConveyorError,
  CoordinatorClient,
  Sidecar,
  SourceClient,
} from "@conveyor/grpc";
import {
  type Connector,
  serveSink,
  serveTransform,
} from "@conveyor/grpc/connector";
import { RouterChannel } from "../../clients/router_channel.ts";
import { dataPlaneService } from "../../lib/handlers/data_plane_handler.ts";
import { nameFrom, requestIdOf } from "../../lib/handlers/request_id.ts";
import { sidecarService } from "../../lib/handlers/sidecar_handler.ts";
import { creditWindowRecords } from "../../lib/limits.ts";
import { RpcServer } from "../../lib/rpc/server.ts";
import { untilHealth } from "../fixtures/fake_router.ts";
import { untilPlaced } from "../fixtures/placements.ts";
import { Pod } from "../fixtures/pod.ts";
import { RouterCluster } from "../fixtures/router_cluster.ts";
import {
  line,
  numberOf,
  numbers,
  RouterSetup,
} from "../fixtures/router_setup.ts";
import { until } from "../fixtures/until.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}

const local = { address: "127.0.0.1:0", signals: false };
const heartbeatIntervalMs = 400;

/** A sidecar beside services that run in this process. */
function sidecarOf(
  sidecarId: string,
  routers: string | readonly string[],
  services: {
    readonly clean?: Connector;
    readonly store?: Connector;
  },
): Sidecar {
  const { clean, store } = services;
  return new Sidecar({
    sidecarId,
    routers,
    grpcAddr: "127.0.0.1:0",
    services: [
      ...clean
        ? [
          {
            name: "clean",
            type: "transform",
            url: `http://${clean.address}`,
          } as const,
        ]
        : [],
      ...store
        ? [
          {
            name: "store",
            type: "sink",
            url: `http://${store.address}`,
          } as const,
        ]
        : [],
    ],
    settings: { heartbeatIntervalMs },
  });
}

test("a sidecar goes on with another router, and registers again when it is forgotten", async () => {
  await using cluster = await RouterCluster.start();
  const stored = new Set<number>();
  await using store = await serveSink(
    (record) => void stored.add(numberOf(record)),
    local,
  );
  await using sidecar = sidecarOf("pod-1", cluster.urls, { store });
  await using source = await SourceClient.connectToSidecar(
    `http://${(await sidecar.start()).grpc}`,
    "numbers",
  );
  await cluster.nodes[0]!.kill();
  {
    await using admin = await AdminClient.connect(cluster.urls.slice(1));
    await admin.createPipeline(line("store"));
  }
  await source.push(numbers(100));
  assertEquals(stored.size, 100);
  const routers = await RouterChannel.connect(cluster.urls.slice(1));
  await using coordinator = new CoordinatorClient(routers);
  await routers.unary(sidecarService.methods.deregisterSidecar, {
    sidecarId: "pod-1",
  });
  await until(async () =>
    (await coordinator.heartbeat({ sidecarId: "pod-1" })).acknowledged
  );
  await untilPlaced(cluster.urls[1]!, "pod-1", "store", true);
  await source.push(numbers(100, 101));
  assertEquals(stored.size, 200);
});

test("a sidecar whose id another takes settles what it has, leaves the id to that one, and ends", async () => {
  await using setup = await RouterSetup.start();
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  const stored = new Set<number>();
  const written = Promise.withResolvers<void>();
  const room = Promise.withResolvers<void>();
  await using store = await serveSink(async (record) => {
    stored.add(numberOf(record));
    written.resolve();
    await room.promise;
  }, local);
  await using older = sidecarOf("pod-1", setup.url, { store });
  const ended = assertRejects(() => older.run(), ConveyorError);
  const { grpc } = await older.start();
  await using source = await SourceClient.connectToSidecar(
    `http://${grpc}`,
    "numbers",
  );
  const pushed = source.push(numbers(100));
  await written.promise;
  await using newer = sidecarOf("pod-1", setup.url, { store });
  const at = `http://${(await newer.start()).grpc}`;
  await untilHealth({ address: grpc }, "NotServing", dataPlaneService.name);
  room.resolve();
  const outcomes = await pushed;
  assert(outcomes.every(({ status }) => status === AckStatus.Accepted));
  assertEquals(stored.size, 100);
  const { code, message } = await ended;
  assertEquals(Code[code], "AlreadyExists");
  assertEquals(
    message,
    `Cannot go on as sidecar "pod-1": ${at} has registered under that id since`,
  );
  await using next = await SourceClient.connectToSidecar(at, "numbers");
  await next.push(numbers(100, 101));
  assertEquals(stored.size, 200);
});

test("a sidecar that is newer than the state that is brought back registers again", async () => {
  await using setup = await RouterSetup.start();
  await using backup = await BackupClient.connect(setup.url);
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  const stored = new Set<number>();
  await using store = await serveSink(
    (record) => void stored.add(numberOf(record)),
    local,
  );
  {
    await using before = sidecarOf("pod-1", setup.url, { store });
    await before.start();
    await backup.create("then");
  }
  await using sidecar = sidecarOf("pod-1", setup.url, { store });
  const { grpc } = await sidecar.start();
  await backup.restore("then");
  await using coordinator = await CoordinatorClient.connect(setup.url);
  await using source = await SourceClient.connectToSidecar(
    `http://${grpc}`,
    "numbers",
  );
  const askWhoHasIt = { sidecarId: "pod-1", registrationId: "nobody's" };
  const isBack = until(async () => {
    const { replacedBy } = await coordinator.heartbeat(askWhoHasIt);
    return replacedBy === `http://${grpc}`;
  });
  await Promise.race([isBack, sidecar.run()]);
  await source.push(numbers(100));
  assertEquals(stored.size, 100);
});

test("a sidecar that hears no answer asks for the same registration again, and later for another", async () => {
  const asked: string[] = [];
  await using server = new RpcServer(undefined, () => {});
  const address = await server.add(sidecarService, {
    registerSidecar: (_, context) => {
      asked.push(nameFrom(requestIdOf(context)));
      if (asked.length % 3 === 0) return { success: true, registrationId: "r" };
      throw new ConveyorError(Code.Internal, "the answer is lost");
    },
    heartbeat: () => ({ acknowledged: false }),
  }).listen("127.0.0.1:0");
  await using sidecar = sidecarOf("pod-1", `http://${address}`, {});
  await sidecar.start();
  await until(() => Promise.resolve(asked.length >= 6));
  const [first, second] = [asked.slice(0, 3), asked.slice(3, 6)];
  assertEquals(new Set(first).size, 1);
  assertEquals(new Set(second).size, 1);
  assert(first[0] !== second[0]);
});

test("the stage of a service that breaks goes to another pod, and its records with it", async () => {
  await using setup = await RouterSetup.start();
  const admin = await setup.admin();
  await admin.createPipeline(line("clean", "store"));
  const stored = new Set<number>();
  const clean = await serveTransform((record) => record, local);
  await using other = await serveTransform((record) => record, local);
  await using store = await serveSink(
    (record) => void stored.add(numberOf(record)),
    local,
  );
  await using here = sidecarOf("pod-1", setup.url, { clean, store });
  await using there = sidecarOf("pod-2", setup.url, { clean: other });
  await using source = await SourceClient.connectToSidecar(
    `http://${(await here.start()).grpc}`,
    "numbers",
  );
  await source.push(numbers(10));
  await clean.close();
  const pushed = source.push(numbers(100, 11));
  await there.start();
  await pushed;
  assertEquals(stored.size, 110);
});

test("a sidecar that is told to end settles what is under way, and its source goes to another pod", async () => {
  await using setup = await RouterSetup.start();
  const admin = await setup.admin();
  await admin.createPipeline(line("clean", "store"));
  const files = [1, 2].map((pod) => `${setup.dataDir}/${pod}.txt`);
  const [first, second] = files.map((file, at) =>
    setup.own(
      new Pod({
        name: `pod-${at + 1}`,
        routers: [setup.url],
        transforms: ["clean"],
        sinks: { store: file },
      }),
    )
  );
  await Promise.all([first!.start(), second!.start()]);
  await using source = await SourceClient.connectToSidecar([
    first!.url,
    second!.url,
  ], "numbers");
  let ended: Promise<number | undefined> | undefined;
  // More than a source has credit for, so that there are some to go to the other pod.
  const records = 2 * creditWindowRecords;
  let acked = 0;
  await source.pushAll(numbers(records), {
    onOutcome: () => {
      if (++acked >= 2_000) ended ??= first!.sidecar.kill("SIGTERM");
    },
  });
  assertEquals(await ended, 0);
  const texts = await Promise.all(files.map((file) => Deno.readTextFile(file)));
  const [lines, others] = texts.map((text) => text.trim().split("\n"));
  assertEquals(new Set([...lines!, ...others!]).size, records);
  assertEquals(lines!.length + others!.length, records, "records stored");
  assert(lines!.length >= 2_000 && others!.length > 1);
});

test("records pass a sidecar while the whole cluster is away, and are committed when it is back", async () => {
  await using cluster = await RouterCluster.start(1);
  const [node] = cluster.nodes;
  {
    await using admin = await AdminClient.connect(node!.url);
    await admin.createPipeline(line("store"));
  }
  const stored: number[] = [];
  await using store = await serveSink(
    (record) => void stored.push(numberOf(record)),
    local,
  );
  await using sidecar = sidecarOf("pod-1", node!.url, { store });
  await using source = await SourceClient.connectToSidecar(
    `http://${(await sidecar.start()).grpc}`,
    "numbers",
  );
  await source.push(numbers(50));
  await node!.kill();
  await source.push(numbers(50, 51));
  assertEquals(stored.length, 100);
  node!.start();
  await node!.ready();
  await using checkpoints = await CheckpointClient.connect(node!.url);
  await until(async () =>
    (await checkpoints.resumePositions("numbers")).get(0) === 101n
  );
});
