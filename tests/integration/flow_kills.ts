/**
 * Goal: whatever process dies at whatever instant, every acked record is at the sink, what is there
 * twice is no more than what was in flight, and the offsets go on where they stood.
 * Method: router, transform and sink each in a process of its own; records are pushed while one of
 * them is killed with SIGKILL at random instants and started again. At each kill it is noted what was in
 * flight, and after it where the offsets stand: not before where they stood, nor behind a record that is
 * not at the sink.
 */
import { assert, assertEquals } from "@std/assert";
import {
  AckStatus,
  AdminClient,
  SourceClient,
  StageType,
} from "@conveyor/grpc";
import { batchRecordsWaiting } from "../../lib/limits.ts";
import { seededRandom } from "../../lib/random.ts";
import { freePort } from "../fixtures/free_ports.ts";
import { Killable } from "../fixtures/killable.ts";

/** What is killed. */
export type Victim = "router" | "transform" | "sink";

/** How often, while how many records pass. */
export interface KillPlan {
  readonly victim: Victim;
  readonly kills: number;
  readonly records: number;
  readonly seed: number;
}

const partitions = 4;

/** What was seen. */
export interface KillOutcome {
  readonly kills: number;
  /** Records in flight at the kills that might be written twice, and those that were. */
  readonly inFlight: number;
  readonly duplicates: number;
  readonly seconds: number;
}

/** Runs a plan and checks every promise; the error of a broken one names the seed. */
export async function runKills(plan: KillPlan): Promise<KillOutcome> {
  const folder = await Deno.makeTempDir();
  const router = `127.0.0.1:${freePort()}`;
  const url = `http://${router}`;
  const file = `${folder}/sink.txt`;
  const script = (name: string): URL => new URL(name, import.meta.url);
  const at = (): string => `127.0.0.1:${freePort()}`;
  const programs = {
    router: new Killable(
      script("../../server.ts"),
      ...["--listen-addr", router],
      ...["--http-addr", "off"],
      ...["--data-dir", `${folder}/data`],
    ),
    transform: new Killable(
      script("../fixtures/double_transform.ts"),
      ...[url, "double", at()],
    ),
    sink: new Killable(
      script("../fixtures/file_sink.ts"),
      ...[url, "store", at(), file],
    ),
  };
  try {
    for (const program of Object.values(programs)) await program.start();
    await createPipeline(url);
    const startMs = performance.now();
    const pushed: Pushed = { given: 0, acked: new Set() };
    let inFlight = 0;
    await pushWhile(url, plan, pushed, async (over) => {
      await killAtRandom(plan, over, async () => {
        const before = await offsets(url);
        const { given, acked } = pushed;
        const atKill = { given, acked: new Set(acked) };
        await programs[plan.victim].kill();
        inFlight += mayComeTwice(plan.victim, atKill, await read(file));
        await programs[plan.victim].start();
        checkOffsets(before, await offsets(url), await read(file));
      });
    });
    const duplicates = check(plan, pushed.acked, await read(file));
    assert(
      duplicates <= inFlight,
      `${duplicates} records twice at the sink, and ${inFlight} were in flight`,
    );
    await checkEnd(url, plan, programs.router);
    return {
      kills: plan.kills,
      inFlight,
      duplicates,
      seconds: (performance.now() - startMs) / 1_000,
    };
  } catch (error) {
    throw new Error(`SEED ${plan.seed}, ${plan.victim} killed`, {
      cause: error,
    });
  } finally {
    for (const program of Object.values(programs)) await program.kill();
    await Deno.remove(folder, { recursive: true });
  }
}

async function createPipeline(url: string): Promise<void> {
  await using admin = await AdminClient.connect(url);
  const retry = { maxBackoff: { seconds: 0n, nanos: 200_000_000 } };
  await admin.createPipeline({
    id: "numbers",
    enabled: true,
    stages: [
      {
        id: "in",
        stageType: StageType.Source,
        serviceSelector: { serviceName: "numbers" },
      },
      {
        id: "double",
        stageType: StageType.Transform,
        serviceSelector: { serviceName: "double" },
        retry,
      },
      {
        id: "store",
        stageType: StageType.Sink,
        serviceSelector: { serviceName: "store" },
        retry,
      },
    ],
    edges: [
      { fromStage: "in", toStage: "double" },
      { fromStage: "double", toStage: "store" },
    ],
  });
}

/** Records that were given to the source's client, and those that were acked: "partition sequence". */
interface Pushed {
  given: number;
  readonly acked: Set<string>;
}

/**
 * How many records that were in flight when `victim` died may be written twice: what the sink had stored
 * and the source had no ack of, for that is sent again by the router or by the source. When the router
 * dies the sink may also be about to store a batch. What a transform had is nowhere else.
 */
function mayComeTwice(
  victim: Victim,
  { given, acked }: Pushed,
  stored: ReadonlyMap<string, readonly string[]>,
): number {
  const unacked = stored.keys().filter((key) => !acked.has(key)).toArray();
  switch (victim) {
    case "router":
      return Math.min(given - acked.size, unacked.length + batchRecordsWaiting);
    case "sink":
      return unacked.length;
    case "transform":
      return 0;
    default:
      return victim satisfies never;
  }
}

/** Pushes all records. */
async function pushWhile(
  url: string,
  { records }: KillPlan,
  pushed: Pushed,
  disturb: (over: AbortSignal) => Promise<void>,
): Promise<void> {
  const over = new AbortController();
  await using source = await SourceClient.connect(url, "numbers", {
    connectTimeoutMs: 20_000,
  });
  const disturbing = disturb(over.signal);
  // A promise that is broken is told at once, and not once all records are acked.
  await Promise.race([
    disturbing.then(() => new Promise<never>(() => {})),
    source.pushAll(numbers(records, pushed, disturbing), {
      onOutcome: ({ id, status }) => {
        if (status === AckStatus.Rejected) return;
        pushed.acked.add(`${id.partition} ${id.sequenceNumber}`);
      },
    }),
  ]);
  over.abort();
  await disturbing;
}

/** All records, the last ones only once the killing is over, so that it happens while records flow. */
async function* numbers(
  records: number,
  pushed: Pushed,
  disturbing: Promise<void>,
) {
  const encoder = new TextEncoder();
  const pace = records / 10;
  for (let n = 0; n < records; n++) {
    if (n === records - 100) await disturbing;
    else if (n % pace === 0) {
      await Promise.race([
        disturbing,
        new Promise((resolve) => setTimeout(resolve, 200)),
      ]);
    }
    pushed.given++;
    yield {
      id: {
        partition: n % partitions,
        sequenceNumber: BigInt(Math.floor(n / partitions) + 1),
      },
      payload: encoder.encode(`${n}`),
    };
  }
}

async function killAtRandom(
  { kills, seed }: KillPlan,
  over: AbortSignal,
  kill: () => Promise<void>,
): Promise<void> {
  const random = seededRandom(seed);
  for (let n = 0; n < kills && !over.aborted; n++) {
    await new Promise((resolve) => setTimeout(resolve, random() * 400));
    await kill();
  }
}

/** Where a source is to go on, by partition: behind the committed offset. */
async function offsets(url: string): Promise<ReadonlyMap<number, bigint>> {
  await using source = await SourceClient.connect(url, "numbers", {
    connectTimeoutMs: 20_000,
  });
  return await source.resumePositions();
}

/** The offsets have not gone back, and are behind no record that the sink has not. */
function checkOffsets(
  before: ReadonlyMap<number, bigint>,
  after: ReadonlyMap<number, bigint>,
  stored: ReadonlyMap<string, readonly string[]>,
): void {
  for (let partition = 0; partition < partitions; partition++) {
    const [from, to] = [before, after].map((all) => all.get(partition) ?? 1n);
    assert(
      to! >= from!,
      `partition ${partition} went back from ${from} to ${to}`,
    );
    for (let sequence = 1n; sequence < to!; sequence++) {
      assert(
        stored.has(`${partition} ${sequence}`),
        `partition ${partition} goes on at ${to}, and the sink has not ${sequence}`,
      );
    }
  }
}

/** Lines of the sink's file by record. */
async function read(file: string): Promise<Map<string, string[]>> {
  const stored = new Map<string, string[]>();
  const text = await Deno.readTextFile(file);
  // A line that was cut by a kill belongs to a batch that was never answered.
  for (const [, key, value] of text.matchAll(/^(\d+ \d+) (\d+)$/gm)) {
    const values = stored.get(key!);
    if (values) values.push(value!);
    else stored.set(key!, [value!]);
  }
  return stored;
}

/** Every record acked and stored, as its transform makes it; how many were stored again. */
function check(
  plan: KillPlan,
  acked: ReadonlySet<string>,
  stored: ReadonlyMap<string, readonly string[]>,
): number {
  assertEquals(acked.size, plan.records, "records acked");
  let duplicates = 0;
  for (let n = 0; n < plan.records; n++) {
    const key = `${n % partitions} ${Math.floor(n / partitions) + 1}`;
    const values = stored.get(key);
    assert(values, `the record ${key} was acked and is not at the sink`);
    for (const value of values) assertEquals(value, `${2 * n}`);
    duplicates += values.length - 1;
  }
  return duplicates;
}

/** The offsets are all there after one more restart. */
async function checkEnd(
  url: string,
  plan: KillPlan,
  router: Killable,
): Promise<void> {
  await router.kill("SIGTERM");
  await router.start();
  const next = BigInt(plan.records / partitions) + 1n;
  assertEquals(
    await offsets(url),
    new Map(Array.from({ length: partitions }, (_, at) => [at, next])),
  );
}

if (import.meta.main) {
  const [kills = "20", records = "50000", seed = "1"] = Deno.args;
  for (const victim of ["sink", "transform", "router"] as const) {
    const outcome = await runKills({
      victim,
      kills: Number(kills),
      records: Number(records),
      seed: Number(seed),
    });
    // deno-lint-ignore no-console -- its output is what it is for
    console.log(
      `${victim} killed ${outcome.kills} times: ${records} records acked and stored, ${outcome.duplicates} of ${outcome.inFlight} that might twice, in ${
        outcome.seconds.toFixed(1)
      } s`,
    );
  }
}
