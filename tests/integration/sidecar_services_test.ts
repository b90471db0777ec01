/**
 * Goal: a sidecar gives its pod what a router gives its services: idempotency keys for a sink that asks for
 * them, stages that are pulled from, metrics and health; and it says how busy it is.
 * Method: a router and a sidecar in this process, real services, a coordinator that writes down heartbeats.
 * Without leak checks: grpc-js leaves the backoff timer of an address that went away.
 */
import { assert, assertEquals, assertMatch } from "@std/assert";
import { AckStatus, Sidecar, SourceClient } from "@conveyor/grpc";
import { serveSink, serveSource } from "@conveyor/grpc/connector";
import { RpcServer } from "../../lib/rpc/server.ts";
import type {
  SidecarCoordinatorMethods,
  SidecarHeartbeatRequest,
} from "../../proto/messages/sidecar.ts";
import { serviceOf } from "../../proto/service.ts";
import { Consumer, pulledLine } from "../fixtures/consumer.ts";
import { discover } from "../../lib/sidecar/discovery.ts";
import { freePorts, neighbouringPorts } from "../fixtures/free_ports.ts";
import {
  line,
  numberOf,
  numbers,
  RouterSetup,
} from "../fixtures/router_setup.ts";
import { until } from "../fixtures/until.ts";

const local = { address: "127.0.0.1:0", signals: false };

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}

for (const found of [false, true]) {
  const how = found ? "found by reflection" : "configured";
  test(`a sink of the pod that drops what it has, ${how}, gets a key with each record that stays the same`, async () => {
    await using setup = await RouterSetup.start();
    const admin = await setup.admin();
    await admin.createPipeline(line("store"));
    const [port] = freePorts(1);
    const keys = new Map<number, Set<string>>();
    let calls = 0;
    await using _store = await serveSink({
      write: (record) => {
        const seen = keys.get(numberOf(record)) ?? new Set();
        keys.set(numberOf(record), seen.add(`${record.id?.idempotencyKey}`));
        if (++calls <= 20) throw new Error("not yet");
      },
      capacity: () => ({ exactlyOnce: true }),
    }, { address: `127.0.0.1:${port}`, id: "store", signals: false });
    await using sidecar = new Sidecar({
      sidecarId: "pod-1",
      routers: setup.url,
      grpcAddr: "127.0.0.1:0",
      ...found ? { discovery: { startPort: port!, endPort: port! } } : {
        services: [{
          name: "store",
          type: "sink",
          url: `http://127.0.0.1:${port}`,
          exactlyOnce: true,
        }],
      },
    });
    const { grpc } = await sidecar.start();
    await using source = await SourceClient.connectToSidecar(
      `http://${grpc}`,
      "numbers",
    );
    await source.push(numbers(50));
    assertEquals(keys.size, 50);
    assert(calls > 50);
    const all = [...keys.values()];
    assert(all.every(({ size }) => size === 1), "a key changed");
    assertEquals(new Set(all.flatMap((each) => [...each])).size, 50);
    assert(!all.some((each) => each.has("")), "a record came without a key");
  });
}

test("records that a pod puts out are pulled from a router, and its source is acked when they are", async () => {
  await using setup = await RouterSetup.start();
  const admin = await setup.admin();
  await admin.createPipeline(pulledLine());
  await using sidecar = new Sidecar({
    sidecarId: "pod-1",
    routers: setup.url,
    grpcAddr: "127.0.0.1:0",
    services: [{ name: "numbers", type: "source" }],
  });
  const { grpc } = await sidecar.start();
  await using source = await SourceClient.connectToSidecar(
    `http://${grpc}`,
    "numbers",
  );
  let acked = false;
  const pushed = source.push(numbers(100)).then((outcomes) => {
    acked = true;
    return outcomes;
  });
  await using consumer = await Consumer.connect(setup.url);
  const pulled: number[] = [];
  while (pulled.length < 100) {
    assert(!acked);
    const batch = (await consumer.next())!;
    pulled.push(...batch.records.map(numberOf));
    await consumer.acknowledge(batch);
  }
  assertEquals(
    pulled.toSorted((a, b) => a - b),
    numbers(100).map((_, n) => n + 1),
  );
  const outcomes = await pushed;
  assert(outcomes.every(({ status }) => status === AckStatus.Accepted));
});

test("a sidecar serves metrics and health by HTTP as a router does", async () => {
  await using setup = await RouterSetup.start();
  await using store = await serveSink(() => {}, {
    address: "127.0.0.1:0",
    signals: false,
  });
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  await using sidecar = new Sidecar({
    sidecarId: "pod-1",
    routers: setup.url,
    grpcAddr: "127.0.0.1:0",
    httpAddr: "127.0.0.1:0",
    services: [{ name: "store", type: "sink", url: `http://${store.address}` }],
  });
  const { grpc, http } = await sidecar.start();
  const read = async (path: string): Promise<string> =>
    await (await fetch(`http://${http}${path}`)).text();
  assertEquals(await read("/healthz"), "alive\n");
  assertEquals(await read("/readyz"), "ready\n");
  await using source = await SourceClient.connectToSidecar(
    `http://${grpc}`,
    "numbers",
  );
  await source.push(numbers(10));
  const metrics = await read("/metrics");
  assertMatch(metrics, /^conveyor_records_accepted_total 10$/m);
  assertMatch(
    metrics,
    /^conveyor_pod_service_healthy\{service="store",.*\} 1$/m,
  );
  assertMatch(metrics, /^process_cpu_seconds_total [\d.]+$/m);
});

test("a sidecar says with its heartbeats how much processor time and memory it uses", async () => {
  const beats: SidecarHeartbeatRequest[] = [];
  await using server = new RpcServer(undefined, () => {});
  const address = await server.add(
    serviceOf<SidecarCoordinatorMethods>(
      "conveyor.sidecar.SidecarCoordinator",
    ),
    {
      registerSidecar: () => ({ success: true, registrationId: "r" }),
      heartbeat: (beat) => {
        beats.push(beat);
        return { acknowledged: true };
      },
    },
  ).listen("127.0.0.1:0");
  await using sidecar = new Sidecar({
    sidecarId: "pod-1",
    routers: `http://${address}`,
    grpcAddr: "127.0.0.1:0",
    settings: { heartbeatIntervalMs: 20, drainTimeoutMs: 100 },
  });
  await sidecar.start();
  await until(() => {
    // What is to be seen takes some work.
    let sum = 0;
    for (let n = 0; n < 1e6; n++) sum += Math.sqrt(n + sum);
    return Promise.resolve(
      beats.some(({ load }) => load!.cpuUsage > 0 && load!.memoryUsage > 0),
    );
  });
  for (const { load } of beats) {
    assert(load!.cpuUsage >= 0 && load!.cpuUsage <= 1);
    assert(load!.memoryUsage > 0 && load!.memoryUsage < 1);
  }
});

for (const found of [false, true]) {
  const how = found ? "found by reflection" : "configured";
  test(`a source of the pod that is served, ${how}, is pulled from where it was left, and acknowledged`, async () => {
    await using setup = await RouterSetup.start();
    const admin = await setup.admin();
    await admin.createPipeline(line("store"));
    const [first, second] = neighbouringPorts();
    const stored: number[] = [];
    const acked = new Set<bigint>();
    const asked: bigint[] = [];
    let last = 100;
    await using _store = await serveSink(
      (record) => void stored.push(numberOf(record)),
      { address: `127.0.0.1:${first}`, id: "store", signals: false },
    );
    await using _numbers = await serveSource({
      async *pull({ sourceId, positions, signal }) {
        const from = positions.get(0) ?? 1n;
        asked.push(from);
        for (
          const { id, payload } of numbers(last, 1).slice(Number(from) - 1)
        ) {
          yield { id: { ...id, sourceId }, payload };
        }
        await aborted(signal);
      },
      acknowledge: (acks) => {
        for (const { recordId } of acks) acked.add(recordId!.sequenceNumber);
      },
    }, { address: `127.0.0.1:${second}`, id: "numbers", signals: false });
    const sidecarOf = (sidecarId: string): Sidecar =>
      new Sidecar({
        sidecarId,
        routers: setup.url,
        grpcAddr: "127.0.0.1:0",
        settings: { heartbeatIntervalMs: 400 },
        ...found ? { discovery: { startPort: first, endPort: second } } : {
          services: [
            { name: "store", type: "sink", url: `http://127.0.0.1:${first}` },
            {
              name: "numbers",
              type: "source",
              url: `http://127.0.0.1:${second}`,
            },
          ],
        },
      });
    {
      await using sidecar = sidecarOf("pod-1");
      await sidecar.start();
      await until(() => Promise.resolve(acked.size === 100));
    }
    assertEquals(stored, Array.from({ length: 100 }, (_, n) => n + 1));
    last = 120;
    await using again = sidecarOf("pod-2");
    await again.start();
    await until(() => Promise.resolve(acked.size === 120));
    assertEquals(stored.length, 120);
    assertEquals([asked[0], asked.at(-1)], [1n, 101n]);
  });
}

test("a source of the pod is pulled from only while a pipeline takes its records", async () => {
  await using setup = await RouterSetup.start();
  const admin = await setup.admin();
  let pulls = 0;
  let open = 0;
  await using store = await serveSink(() => {}, local);
  // deno-lint-ignore require-yield -- it has no records
  await using numbersSource = await serveSource(async function* ({ signal }) {
    pulls++;
    open++;
    await aborted(signal);
    open--;
  }, local);
  await using sidecar = new Sidecar({
    sidecarId: "pod-1",
    routers: setup.url,
    grpcAddr: "127.0.0.1:0",
    settings: { heartbeatIntervalMs: 400 },
    services: [
      { name: "store", type: "sink", url: `http://${store.address}` },
      {
        name: "numbers",
        type: "source",
        url: `http://${numbersSource.address}`,
      },
    ],
  });
  await sidecar.start();
  assertEquals(pulls, 0);
  await admin.createPipeline(line("store"));
  await until(() => Promise.resolve(open === 1));
  await admin.disablePipeline("line");
  await until(() => Promise.resolve(open === 0));
  assertEquals(pulls, 1);
});

test("a router on a port that is looked at is taken for no source", async () => {
  await using setup = await RouterSetup.start();
  const port = Number(new URL(setup.url).port);
  const found = await discover(
    { host: "127.0.0.1", startPort: port, endPort: port },
    new Set(),
  );
  assertEquals(found, new Map([[port, []]]));
});

async function aborted(signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  signal.addEventListener("abort", () => resolve(), { once: true });
  if (!signal.aborted) await promise;
}
