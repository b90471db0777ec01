/**
 * Goal: a router pulls from the sources that its pipelines name as it promises: from the committed
 * offset, no more than may be under way, each record acknowledged when the sink has it and not before.
 * Method: a router in this process, sources and sinks made with the connector kit over loopback, and
 * sources that keep to no rule.
 * Without leak checks: grpc-js leaves the backoff timer of a source that closes before its router.
 */
import { assert, assertEquals } from "@std/assert";
import { AdminClient, RegistryClient, ServiceType } from "@conveyor/grpc";
import {
  AckStatus,
  type RecordAck,
  type SourceHandlers,
} from "@conveyor/grpc/connector";
import type { SourceServiceMethods } from "../../proto/messages/source.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import {
  line,
  numberOf,
  numbers,
  RouterSetup,
} from "../fixtures/router_setup.ts";
import { served } from "../fixtures/served.ts";
import { ServerProcess } from "../fixtures/server_process.ts";
import { until } from "../fixtures/until.ts";

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, sanitizeOps: false, sanitizeResources: false, fn });
}

const sourceService: Service<SourceServiceMethods> = serviceOf(
  "conveyor.source.SourceService",
);

/** A source of the numbers up to `last`, and what it was told of them. */
class Numbers implements SourceHandlers {
  last: number;
  readonly acks: RecordAck[] = [];
  /** Where each pull started. */
  readonly starts: bigint[] = [];
  /** The highest number that was asked of it. */
  asked = 0;

  constructor(last: number) {
    this.last = last;
  }

  pull: SourceHandlers["pull"] = async function* (
    this: Numbers,
    { sourceId, positions }: Parameters<SourceHandlers["pull"]>[0],
  ) {
    const first = positions.get(0) ?? 1n;
    this.starts.push(first);
    for (let n = Number(first); n <= this.last; n++) {
      this.asked = Math.max(this.asked, n);
      const [record] = numbers(1, n);
      yield { ...record, id: { sourceId, sequenceNumber: BigInt(n) } };
      if (n % 100 === 0) await Promise.resolve();
    }
  }.bind(this);

  acknowledge = (acks: readonly RecordAck[]): void =>
    void this.acks.push(...acks);
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, at) => at + 1);
}

test("a registered source is pulled from, and acknowledged when the sink has its records", async () => {
  await using setup = await RouterSetup.start();
  const source = new Numbers(1_000);
  const stored: number[] = [];
  const opened = Promise.withResolvers<void>();
  await setup.sink("store", async (record) => {
    await opened.promise;
    stored.push(numberOf(record));
  });
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  await setup.pulled("numbers", source);
  await until(() => source.asked === 1_000);
  assertEquals(source.acks, []);
  opened.resolve();
  await until(() => source.acks.length >= 1_000);
  assertEquals(stored, upTo(1_000));
  assertEquals(
    source.acks.slice(0, 1_000).map(({ recordId, status }) =>
      status === AckStatus.Accepted && recordId!.sourceId === "numbers-1" &&
      Number(recordId!.sequenceNumber)
    ),
    upTo(1_000),
  );
  const checkpoints = await setup.source("numbers-1");
  await until(async () =>
    (await checkpoints.resumePositions()).get(0) === 1_001n
  );
});

test("no more is pulled than may be under way while a sink does not take it", async () => {
  await using setup = await RouterSetup.start({
    flow: { creditWindowRecords: 1_000 },
  });
  const source = new Numbers(100_000);
  const opened = Promise.withResolvers<void>();
  let stored = 0;
  await setup.sink("store", async () => {
    await opened.promise;
    stored++;
  });
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  await setup.pulled("numbers", source);
  await until(() => source.asked >= 1_000);
  // Whatever else is to happen has had its turn once the router has answered this.
  for (let n = 0; n < 20; n++) await admin.getPipeline("line");
  // The kit gathers one batch beyond what may be sent.
  assert(source.asked <= 1_500, `${source.asked} records were asked for`);
  opened.resolve();
  await until(() => stored >= 5_000);
});

test("a source that keeps to no bound is read no faster than its records get on", async () => {
  let sent = 0;
  await using source = await served(sourceService, {
    // Looks at nothing but where to start.
    pullRecords: async function* ({ sourceId, start }) {
      const first = Number(start[0]?.nextSequence ?? 1n);
      for (let n = first; n <= 20_000; n += 2_000) {
        const records = numbers(2_000, n)
          .map(({ id, payload }) => ({ id: { ...id, sourceId }, payload }));
        sent = n;
        yield await Promise.resolve({ records });
      }
    },
    acknowledge: ({ recordAcks }) => ({
      acknowledged: BigInt(recordAcks.length),
    }),
  });
  await using setup = await RouterSetup.start({
    flow: { creditWindowRecords: 1_000, sourceRecordsMax: 3_000 },
  });
  const stored: number[] = [];
  const opened = Promise.withResolvers<void>();
  await setup.sink("store", async (record) => {
    await opened.promise;
    stored.push(numberOf(record));
  });
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  await setup.registerSource("numbers", source.url);
  await until(() => sent > 0);
  // Whatever else is to happen has had its turn once the router has answered this.
  for (let n = 0; n < 20; n++) await admin.getPipeline("line");
  const held = (await admin.getPipeline("line"))!.status
    .stageStatuses["store"]!;
  assert(held.recordsBuffered <= 3_000n, `${held.recordsBuffered} are held`);
  opened.resolve();
  await until(() => stored.length === 20_000);
  assertEquals(stored, upTo(20_000));
});

test("a batch with more records than there is room for is asked for again until all are taken", async () => {
  const refused = new Set<bigint>();
  await using source = await served(sourceService, {
    pullRecords: async function* ({ sourceId, start }, { signal }) {
      const first = Number(start[0]?.nextSequence ?? 1n);
      const records = numbers(3_000 - first + 1, first)
        .map(({ id, payload }) => ({ id: { ...id, sourceId }, payload }));
      yield await Promise.resolve({ records });
      await aborted(signal);
    },
    acknowledge: ({ recordAcks }) => {
      for (const { recordId, status } of recordAcks) {
        if (status === AckStatus.Rejected) {
          refused.add(recordId!.sequenceNumber);
        }
      }
      return { acknowledged: BigInt(recordAcks.length) };
    },
  });
  await using setup = await RouterSetup.start({
    flow: { sourceRecordsMax: 1_000, refusedHoldMs: 1 },
  });
  const stored: number[] = [];
  await setup.sink("store", (record) => void stored.push(numberOf(record)));
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  await setup.registerSource("numbers", source.url);
  await until(() => stored.length === 3_000);
  assertEquals(stored, upTo(3_000));
  assertEquals(refused.size, 2_000);
});

test("large records are pulled in batches that the router takes; one that it does not take is rejected and left out", async () => {
  const messageBytesMax = 2 * 1024 * 1024;
  await using setup = await RouterSetup.start({ grpc: { messageBytesMax } });
  const sizes = [900_000, 900_000, 900_000, 3_000_000, 10, 1_900_000];
  const acks = new Map<bigint, AckStatus>();
  const stored: number[] = [];
  await setup.sink("store", ({ payload }) => void stored.push(payload.length));
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  await setup.pulled("numbers", {
    pull: async function* ({ sourceId, positions }) {
      const first = Number(positions.get(0) ?? 1n);
      for (let n = first; n <= sizes.length; n++) {
        yield await Promise.resolve({
          id: { sourceId, sequenceNumber: BigInt(n) },
          payload: new Uint8Array(sizes[n - 1]!),
        });
      }
    },
    acknowledge: (some) => {
      for (const { recordId, status } of some) {
        acks.set(recordId!.sequenceNumber, status);
      }
    },
  });
  await until(() => acks.size === sizes.length);
  assertEquals(stored, [900_000, 900_000, 900_000, 10, 1_900_000]);
  assertEquals(
    [...acks].flatMap(([n, status]) =>
      status === AckStatus.Rejected ? [n] : []
    ),
    [4n],
  );
});

test("a source that is pulled from speaks for no other", async () => {
  const refused: string[] = [];
  await using source = await served(sourceService, {
    pullRecords: async function* ({ sourceId }, { signal }) {
      const records = [sourceId, "somebody-else"].map((sourceId) => ({
        id: { sourceId, sequenceNumber: 1n },
      }));
      yield await Promise.resolve({ records });
      await aborted(signal);
    },
    acknowledge: ({ recordAcks }) => {
      for (const { status, recordId, errorMessage } of recordAcks) {
        if (status !== AckStatus.Rejected) continue;
        refused.push(`${recordId?.sourceId}: ${errorMessage}`);
      }
      return { acknowledged: BigInt(recordAcks.length) };
    },
  });
  await using setup = await RouterSetup.start();
  const stored: string[] = [];
  await setup.sink("store", ({ id }) => void stored.push(id!.sourceId));
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  await setup.registerSource("numbers", source.url);
  await until(() => refused.length > 0 && stored.length > 0);
  assertEquals(
    refused[0],
    "somebody-else: id.source_id must be the source_id that was asked for",
  );
  assertEquals(new Set(stored), new Set(["numbers-1"]));
});

test("a source whose records cannot be taken is told of once, however often it is tried", async () => {
  let pulls = 0;
  await using source = await served(sourceService, {
    pullRecords: async function* (_request, { signal }) {
      pulls++;
      yield { records: [{ id: { sourceId: "other", sequenceNumber: 1n } }] };
      await aborted(signal);
    },
    acknowledge: () => ({}),
  });
  const folder = await Deno.makeTempDir();
  await using server = new ServerProcess([
    ...["--listen-addr", "127.0.0.1:0", "--http-addr", "off"],
    ...["--data-dir", folder],
  ]);
  const router = await server.url();
  await using registry = await RegistryClient.connect(router);
  const { hostname, port } = new URL(source.url);
  await registry.register({
    identity: {
      serviceId: "numbers-1",
      name: "numbers",
      serviceType: ServiceType.Source,
      capabilities: ["pull"],
    },
    endpoint: { host: hostname, port: Number(port) },
    heartbeatInterval: { seconds: 60n },
  });
  await using admin = await AdminClient.connect(router);
  await admin.createPipeline(line("store"));
  await until(() => pulls >= 4);
  server.signal("SIGKILL");
  await server.ended();
  const told = server.lines.filter((line) => line.includes("Cannot pull from"));
  assertEquals(told.length, 1, told.join("\n"));
  await Deno.remove(folder, { recursive: true });
});

test("a pull goes on from the committed offset when its pipeline is enabled again", async () => {
  await using setup = await RouterSetup.start();
  const source = new Numbers(200);
  const stored: number[] = [];
  await setup.sink("store", (record) => void stored.push(numberOf(record)));
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  await setup.pulled("numbers", source);
  const checkpoints = await setup.source("numbers-1");
  await until(async () =>
    (await checkpoints.resumePositions()).get(0) === 201n
  );
  await admin.disablePipeline("line", true);
  source.last = 300;
  await admin.enablePipeline("line");
  await until(() => stored.length === 300);
  assertEquals(source.starts.at(-1), 201n);
  assertEquals(stored, upTo(300));
});

test("what a source says of its watermarks is known to the cluster", async () => {
  await using setup = await RouterSetup.start();
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  const timestamp = { seconds: 1_700_000_000n, nanos: 0 };
  const watermark = { partition: 1, position: 5n, timestamp };
  await setup.pulled("numbers", {
    pull: new Numbers(0).pull,
    watermarks: () => [
      { ...watermark, sourceId: "numbers-1" },
      { ...watermark, sourceId: "somebody-else" },
    ],
  });
  const checkpoints = await setup.checkpoints();
  await until(async () =>
    (await checkpoints.watermarks()).watermarks.length > 0
  );
  const { watermarks } = await checkpoints.watermarks();
  assertEquals(watermarks, [{ ...watermark, sourceId: "numbers-1" }]);
});

test("each partition of a source that names them is pulled by a call of its own", async () => {
  await using setup = await RouterSetup.start();
  const pulled: string[] = [];
  const stored = new Set<string>();
  await setup.sink("store", ({ id }) => {
    stored.add(`${id?.partition}/${id?.sequenceNumber}`);
  });
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  await setup.pulled("numbers", {
    partitions: 3,
    pull: async function* ({ sourceId, partitions, signal }) {
      pulled.push([...partitions].join());
      for (let n = 0; n < 300; n++) {
        const sequenceNumber = BigInt(Math.floor(n / 3) + 1);
        yield { id: { sourceId, partition: n % 3, sequenceNumber } };
      }
      await aborted(signal);
    },
  });
  await until(() => stored.size === 300);
  assertEquals(pulled.sort(), ["0", "1", "2"]);
});

async function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  await new Promise((resolve) => signal.addEventListener("abort", resolve));
}

Deno.test({
  name:
    "a source that is gone, or takes no acks, keeps nothing else from going on",
  // grpc-js leaves the backoff timer of an address that nobody answers at.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: goneAndSilent,
});

async function goneAndSilent(): Promise<void> {
  await using setup = await RouterSetup.start();
  const stored: number[] = [];
  await setup.sink("store", (record) => void stored.push(numberOf(record)));
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  await setup.registerSource("numbers", "http://127.0.0.1:1");
  await using silent = await served(sourceService, {
    pullRecords: async function* ({ sourceId }, { signal }) {
      const records = numbers(100)
        .map(({ id, payload }) => ({ id: { ...id, sourceId }, payload }));
      yield await Promise.resolve({ records });
      await aborted(signal);
    },
  });
  await setup.registerSource("numbers", silent.url, "numbers-2");
  await until(() => stored.length === 100);
  const checkpoints = await setup.source("numbers-2");
  await until(async () =>
    (await checkpoints.resumePositions()).get(0) === 101n
  );
  assertEquals(stored, upTo(100));
}

test("the status of a source stage says why nothing can be pulled for it, as long as that is so", async () => {
  await using setup = await RouterSetup.start();
  const stored: number[] = [];
  await setup.sink("store", (record) => void stored.push(numberOf(record)));
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  const trouble = async (): Promise<string> => {
    const { status } = (await admin.getPipeline("line"))!;
    return status.stageStatuses.numbers?.trouble ?? "";
  };
  await setup.registerSource("numbers", "http://127.0.0.1:1");
  await until(async () => (await trouble()).startsWith("UNAVAILABLE: "));
  await setup.pulled("numbers", new Numbers(10));
  await until(() => stored.length === 10);
  assertEquals(await trouble(), "");
});

Deno.test({
  name: "a router that stops leaves nothing that it pulled unacknowledged",
  // grpc-js leaves the backoff timer of an address that went away.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    await using setup = await RouterSetup.start();
    const stored: number[] = [];
    await setup.sink("store", (record) => void stored.push(numberOf(record)));
    const admin = await setup.admin();
    await admin.createPipeline(line("store"));
    const source = new Numbers(1_000_000);
    await setup.pulled("numbers", source);
    await until(() => stored.length > 1_000);
    await setup.router.close();
    const acked = source.acks.filter(({ status }) =>
      status === AckStatus.Accepted
    );
    assertEquals(
      acked.map(({ recordId }) => Number(recordId!.sequenceNumber)),
      stored,
    );
    assertEquals(acked.length, source.acks.length);
    await setup.boot();
    const checkpoints = await setup.source("numbers-1");
    assertEquals(
      await checkpoints.resumePositions(),
      new Map([[0, BigInt(stored.length) + 1n]]),
    );
  },
});
