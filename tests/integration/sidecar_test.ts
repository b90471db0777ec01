/**
 * Goal: a sidecar runs the stages of a pipeline beside the services of its pod, and acks what the sinks
 * have.
 * Method: a router in this process, pods of real processes, a source that speaks the data plane.
 */
import { assertEquals } from "@std/assert";
import {
  Code,
  ConveyorError,
  DeadLetterClient,
  Sidecar,
  SourceClient,
} from "@conveyor/grpc";
import { serveSink, serveTransform } from "@conveyor/grpc/connector";
import { neighbouringPorts } from "../fixtures/free_ports.ts";
import { Pod } from "../fixtures/pod.ts";
import { untilPlaced } from "../fixtures/placements.ts";
import { rejection } from "../fixtures/rejection.ts";
import {
  line,
  numberOf,
  numbers,
  RouterSetup,
} from "../fixtures/router_setup.ts";
import { until } from "../fixtures/until.ts";

/** Without leak checks: grpc-js leaves the backoff timer of a service that went away. */
function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}

/** The lines of a file. */
async function linesOf(file: string): Promise<string[]> {
  return (await Deno.readTextFile(file)).trimEnd().split("\n");
}

Deno.test("a sidecar takes records, runs the stages in its pod, and acks what the sink has", async () => {
  await using setup = await RouterSetup.start();
  const file = `${setup.dataDir}/sink.txt`;
  const admin = await setup.admin();
  await admin.createPipeline(line("clean", "enrich", "store"));
  await using pod = new Pod({
    name: "pod-1",
    routers: [setup.url],
    transforms: ["clean", "enrich"],
    sinks: { store: file },
  });
  await pod.start();
  await using source = await SourceClient.connectToSidecar(
    [pod.url],
    "numbers",
  );
  await source.push(numbers(2_000));
  assertEquals(source.refusal, undefined);
  const lines = await linesOf(file);
  assertEquals(lines.length, 2_000);
  assertEquals(lines[0], "1 clean enrich");
  // What is settled is committed with the cluster, so that the source may resume there.
  await until(async () => (await source.resumePositions()).get(0) === 2_001n);
  await using again = await SourceClient.connectToSidecar(pod.url, "numbers");
  await again.push(numbers(2_000));
  assertEquals((await linesOf(file)).length, 2_000);
});

test("a sidecar finds the services of its pod by reflection, also one that comes later and one that goes", async () => {
  await using setup = await RouterSetup.start();
  const admin = await setup.admin();
  await admin.createPipeline(line("clean", "store"));
  const [startPort, endPort] = neighbouringPorts();
  const stored = new Set<number>();
  const serveStore = () =>
    serveSink((record) => void stored.add(numberOf(record)), {
      address: `127.0.0.1:${endPort}`,
      id: "store",
      signals: false,
    });
  await using _clean = await serveTransform((record) => record, {
    address: `127.0.0.1:${startPort}`,
    id: "clean",
    signals: false,
  });
  await using sidecar = new Sidecar({
    sidecarId: "pod-1",
    routers: setup.url,
    grpcAddr: "127.0.0.1:0",
    discovery: { startPort, endPort },
    settings: { heartbeatIntervalMs: 400 },
  });
  await using source = await SourceClient.connectToSidecar(
    `http://${(await sidecar.start()).grpc}`,
    "numbers",
  );
  const first = source.push(numbers(100));
  const store = await serveStore();
  await first;
  assertEquals(stored.size, 100);
  await store.close();
  await untilPlaced(setup.url, "pod-1", "store", false);
  const second = source.push(numbers(100, 101));
  await using _again = await serveStore();
  await second;
  assertEquals(stored.size, 200);
});

Deno.test("what a sidecar cannot process is acked once the cluster keeps it, and can be read there", async () => {
  await using setup = await RouterSetup.start();
  const admin = await setup.admin();
  await admin.createPipeline(line("picky", "store"));
  const stored: number[] = [];
  const picky = setup.own(
    await serveTransform((record) => {
      if (numberOf(record) % 10 > 0) return record;
      throw new ConveyorError(Code.InvalidArgument, "it ends with a 0");
    }, { address: "127.0.0.1:0", signals: false }),
  );
  const store = setup.own(
    await serveSink((record) => void stored.push(numberOf(record)), {
      address: "127.0.0.1:0",
      signals: false,
    }),
  );
  await using sidecar = new Sidecar({
    sidecarId: "pod-1",
    routers: setup.url,
    grpcAddr: "127.0.0.1:0",
    services: [
      { name: "picky", type: "transform", url: `http://${picky.address}` },
      { name: "store", type: "sink", url: `http://${store.address}` },
    ],
  });
  await using source = await SourceClient.connectToSidecar(
    `http://${(await sidecar.start()).grpc}`,
    "numbers",
  );
  await source.push(numbers(100));
  assertEquals(stored.length, 90);
  await using client = await DeadLetterClient.connect(setup.url);
  const letters = await Array.fromAsync(client.list({ pipelineId: "line" }));
  assertEquals(letters.length, 10);
  const [first] = letters;
  assertEquals(
    [first?.stageId, first?.errorCode, first?.record?.id?.sequenceNumber],
    ["picky", "INVALID_ARGUMENT", 10n],
  );
  const error = await rejection(
    client.keep([{ pipelineId: "line", stageId: "picky" }]),
    Code.InvalidArgument,
  );
  assertEquals(error.details[0]?.field, "letters.record");
});

Deno.test("a router serves the data plane too, to sources that know no other", async () => {
  await using setup = await RouterSetup.start();
  const stored: number[] = [];
  await setup.sink("store", (record) => void stored.push(numberOf(record)));
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  await using source = await SourceClient.connectToSidecar(
    setup.url,
    "numbers",
    {
      pipelineId: "line",
    },
  );
  await source.push(numbers(100));
  assertEquals(stored.length, 100);
});
