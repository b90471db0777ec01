/**
 * Goal: whatever fails on the way, what arrives is what was sent, byte for byte, and stays so for whoever
 * keeps it; what is acked is at every sink. Method: a router, a sidecar and services over loopback in one
 * process, records of all sizes, each with its checksum. A buffer that were freed too early would arrive
 * empty, or end the process.
 */
import { assert, assertEquals } from "@std/assert";
import {
  AckStatus,
  AdminClient,
  DeadLetterClient,
  type Record,
  RegistryClient,
  ReplayStatus,
  ServiceType,
  Sidecar,
  SourceClient,
  StageType,
} from "@conveyor/grpc";
import { Consumer } from "../fixtures/consumer.ts";
import { RouterSetup } from "../fixtures/router_setup.ts";
import { until } from "../fixtures/until.ts";
import {
  expectedNames,
  nameOf,
  wholeRecords,
  WholeServices,
} from "../fixtures/whole_records.ts";
import { seededRandom } from "../../lib/random.ts";

const count = 300;
const folder = new URL("../fixtures/tls/", import.meta.url);
const pem = (name: string): string =>
  Deno.readTextFileSync(new URL(name, folder));
const tls = { cert: pem("server.pem"), key: pem("server.key") };
const ca = pem("ca.pem");

const duration = (ms: number) => ({ seconds: 0n, nanos: ms * 1_000_000 });
/** Attempts fail, and some take longer than they may. */
const retry = {
  maxAttempts: 3,
  initialBackoff: duration(5),
  maxBackoff: duration(20),
  attemptTimeout: duration(100),
};

/** From the source "numbers" through these stages; the last of them are sinks, each of all records. */
function pipeline(
  ...stages: readonly {
    readonly id: string;
    readonly stageType: StageType;
    readonly pulled?: boolean;
  }[]
) {
  const through = stages.filter(({ stageType }) =>
    stageType !== StageType.Sink
  );
  const ids = ["numbers", ...through.map(({ id }) => id)];
  const sinks = stages.slice(through.length);
  return {
    id: "line",
    enabled: true,
    stages: [
      {
        id: "numbers",
        stageType: StageType.Source,
        serviceSelector: { serviceName: "numbers" },
      },
      ...stages.map(({ id, stageType, pulled }) => ({
        id,
        stageType,
        retry,
        serviceSelector: pulled
          ? { labels: { "conveyor/delivery": "pull" } }
          : { serviceName: id },
        ...stageType === StageType.Lookup && {
          lookup: {
            keyFields: ["metadata.kind"],
            cacheTtl: duration(50),
            cacheEntries: 5,
          },
        },
      })),
    ],
    edges: [
      ...ids.slice(1).map((id, at) => ({ fromStage: ids[at]!, toStage: id })),
      ...sinks.map(({ id }) => ({ fromStage: ids.at(-1)!, toStage: id })),
    ],
  };
}

/** Sends dead letters through until there are none. */
async function replayAll(letters: DeadLetterClient): Promise<number> {
  let replayed = 0;
  while ((await letters.stats()).count > 0n) {
    for await (
      const { status, errorMessage } of letters.replay({ pipelineId: "line" })
    ) {
      assertEquals(status, ReplayStatus.Settled, errorMessage);
      replayed++;
    }
  }
  return replayed;
}

/** Takes what is pulled, slowly, until it is stopped; gives some of it back. What has come. */
async function consume(
  connect: () => Promise<Consumer>,
  services: WholeServices,
  stopped: AbortSignal,
): Promise<Set<string>> {
  const taken = new Set<string>();
  while (!stopped.aborted) {
    // An update of the pipeline ends the stream.
    await using consumer = await connect();
    stopped.addEventListener("abort", () => consumer.channel.close());
    for (let batches = 1; !stopped.aborted; batches++) {
      const batch = await consumer.next().catch(() => undefined);
      if (batch === undefined) break;
      for (const record of batch.records) {
        services.check(record);
        taken.add(nameOf(record));
      }
      if (batches % 4 === 0) await new Promise((done) => setTimeout(done, 5));
      await consumer.acknowledge(
        batch,
        batches % 5 ? AckStatus.Accepted : AckStatus.Rejected,
      );
    }
  }
  return taken;
}

/** All is as it was sent, and all that is not a dead letter is at every sink. */
function checkAll(
  services: WholeServices,
  letters: ReadonlySet<string> = new Set(),
): void {
  services.checkStored();
  assertEquals(services.faults, []);
  assert(services.failures > 0);
  const expected = expectedNames(count);
  for (const [sink, records] of services.stored) {
    const names = new Set(records.map(nameOf));
    assertEquals(names.difference(expected), new Set(), sink);
    const missing = [...expected.difference(names)]
      .filter((name) => !letters.has(name.split("/")[0]!));
    assertEquals(missing, [], sink);
  }
}

/** Without leak checks: a call that came too late is still on its way. */
function test(
  name: string,
  fn: (below: (max: number) => number) => Promise<void>,
): void {
  Deno.test({
    name,
    sanitizeOps: false,
    sanitizeResources: false,
    fn: async () => {
      const seed = Number(Deno.env.get("SEED") ?? Math.random() * 2 ** 31 | 0);
      const random = seededRandom(seed);
      try {
        await fn((max) => Math.floor(random() * max));
      } catch (error) {
        throw new Error(`SEED ${seed}`, { cause: error });
      }
    },
  });
}

for (const secure of [false, true]) {
  test(`records pass a router whole, whatever fails, ${secure ? "with" : "without"} TLS`, async (below) => {
    const connect = secure ? { tls: { ca, serverName: "conveyor.test" } } : {};
    await using setup = await RouterSetup.start(
      secure ? { grpc: { tls }, dialTls: connect.tls! } : {},
    );
    await using services = new WholeServices(below, secure ? { tls } : {});
    const url = secure ? setup.url.replace("http:", "https:") : setup.url;
    const registry = setup.own(await RegistryClient.connect(url, connect));
    const register = async (
      name: string,
      serviceType: ServiceType,
      address: string,
    ): Promise<void> => {
      const [host, port] = address.split(":");
      await registry.register({
        identity: { serviceId: `${name}-1`, name, serviceType },
        endpoint: { host: host!, port: Number(port), useTls: secure },
        // Nobody renews the lease.
        heartbeatInterval: { seconds: 300n, nanos: 0 },
      });
    };
    await register("known", ServiceType.Lookup, await services.lookup());
    await register("parts", ServiceType.Transform, await services.transform());
    await register("left", ServiceType.Sink, await services.sink("left"));
    await register("right", ServiceType.Sink, await services.sink("right"));
    const admin = setup.own(await AdminClient.connect(url, connect));
    const line = pipeline(
      { id: "known", stageType: StageType.Lookup },
      { id: "parts", stageType: StageType.Transform },
      { id: "left", stageType: StageType.Sink },
      { id: "right", stageType: StageType.Sink },
      { id: "out", stageType: StageType.Sink, pulled: true },
    );
    await admin.createPipeline(line);
    const stop = new AbortController();
    const consumed = consume(
      () => Consumer.connect(url, {}, "slow", connect),
      services,
      stop.signal,
    );
    const source = setup.own(
      await SourceClient.connect(url, "numbers", connect),
    );
    const pushed = source.push(wholeRecords(count, below));
    // What is under way begins anew, as it came from its source.
    for (const stored of [20, 40]) {
      await until(() => services.stored.get("left")!.length > stored);
      await admin.putPipeline(line);
    }
    await pushed;
    services.troubled = false;
    const letters = setup.own(await DeadLetterClient.connect(url, connect));
    assert(await replayAll(letters) > 0);
    stop.abort();
    assertEquals(await consumed, expectedNames(count));
    checkAll(services);
  });
}

test("records pass from one sidecar to another whole, whatever fails", async (below) => {
  await using setup = await RouterSetup.start();
  await using services = new WholeServices(below);
  const admin = await setup.admin();
  const heartbeatIntervalMs = 400;
  await admin.createPipeline(pipeline(
    { id: "parts", stageType: StageType.Transform },
    { id: "left", stageType: StageType.Sink },
    { id: "right", stageType: StageType.Sink },
  ));
  const sidecar = async (
    sidecarId: string,
    at: { readonly [name: string]: "transform" | "sink" },
  ): Promise<string> => {
    const found = await Promise.all(
      Object.entries(at).map(async ([name, type]) => ({
        name,
        type,
        url:
          `http://${await (type === "sink"
            ? services.sink(name)
            : services.transform())}`,
      })),
    );
    const started = setup.own(
      new Sidecar({
        sidecarId,
        routers: setup.url,
        grpcAddr: "127.0.0.1:0",
        services: found,
        settings: { heartbeatIntervalMs },
      }),
    );
    return `http://${(await started.start()).grpc}`;
  };
  const first = await sidecar("pod-1", { parts: "transform" });
  await sidecar("pod-2", { left: "sink", right: "sink" });
  const source = setup.own(
    await SourceClient.connectToSidecar(first, "numbers"),
  );
  await source.push(wholeRecords(count, below));
  const letters = setup.own(await DeadLetterClient.connect(setup.url));
  const kept: Record[] = [];
  for await (const { record, stageId } of letters.list()) {
    services.check(record!);
    kept.push(record!);
    assert(stageId !== "numbers");
  }
  assert(kept.length > 0);
  checkAll(services, new Set(kept.map(({ metadata }) => metadata.number!)));
});
