/**
 * Goal: whatever process dies at whatever instant, every acked record is at the sink, what is there
 * twice is no more than what was in flight, and the offsets go on where they stood.
 * Method: router, transform and sink each in a process of its own; records are pushed while one of
 * them is killed with SIGKILL at random instants and started again.
 */
import { assert, assertEquals } from "@std/assert";
import {
  AckStatus,
  AdminClient,
  SourceClient,
  StageType,
} from "@conveyor/grpc";
import { creditWindowRecords } from "../../lib/limits.ts";
import { seededRandom } from "../../lib/random.ts";
import { freePort, Killable } from "../fixtures/killable.ts";

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
    const acked = await pushWhile(url, plan, async (over) => {
      await killAtRandom(programs[plan.victim], plan, over);
    });
    const stored = await read(file);
    const duplicates = check(plan, acked, stored);
    await checkOffsets(url, plan, programs.router);
    return {
      kills: plan.kills,
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

/** Pushes all records; the ones that were acked, as "partition sequence". */
async function pushWhile(
  url: string,
  { records }: KillPlan,
  disturb: (over: AbortSignal) => Promise<void>,
): Promise<Set<string>> {
  const over = new AbortController();
  await using source = await SourceClient.connect(url, "numbers", {
    connectTimeoutMs: 20_000,
  });
  const disturbing = disturb(over.signal);
  const acked = new Set<string>();
  await source.pushAll(numbers(records, disturbing), {
    onOutcome: ({ id, status }) => {
      if (status === AckStatus.Rejected) return;
      acked.add(`${id.partition} ${id.sequenceNumber}`);
    },
  });
  over.abort();
  await disturbing;
  return acked;
}

/** All records, the last ones only once the killing is over, so that it happens while records flow. */
async function* numbers(records: number, disturbing: Promise<void>) {
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
  program: Killable,
  { kills, seed }: KillPlan,
  over: AbortSignal,
): Promise<void> {
  const random = seededRandom(seed);
  for (let kill = 0; kill < kills && !over.aborted; kill++) {
    await new Promise((resolve) => setTimeout(resolve, random() * 400));
    await program.kill();
    await program.start();
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
  assert(
    duplicates <= plan.kills * creditWindowRecords,
    `${duplicates} records twice at the sink after ${plan.kills} kills`,
  );
  return duplicates;
}

/** The offsets are all there after one more restart. */
async function checkOffsets(
  url: string,
  plan: KillPlan,
  router: Killable,
): Promise<void> {
  await router.kill("SIGTERM");
  await router.start();
  await using source = await SourceClient.connect(url, "numbers");
  const next = BigInt(plan.records / partitions) + 1n;
  assertEquals(
    await source.resumePositions(),
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
      `${victim} killed ${outcome.kills} times: ${records} records acked and stored, ${outcome.duplicates} of them twice, in ${
        outcome.seconds.toFixed(1)
      } s`,
    );
  }
}
