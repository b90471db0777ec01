// deno-lint-ignore-file no-console -- its output is what it is for
/**
 * source -> router -> transform -> sink, each a process of its own, over gRPC: records a second as they
 * are counted at the sink, ack latency, CPU of the router for a record and its peak memory, for records
 * of 256 B in batches of 1, 100 and 500. Beside it the floor: a process with the same hops that passes
 * bytes on without looking at them. Each is measured twice, in turn, so that what the machine adds shows.
 * The floor calls once for each batch that comes; the router puts several that wait into one call.
 *
 * Exits with 1 when the router takes more than 1.5 times the CPU time of the floor, by more than two runs
 * of the same differ.
 *
 * `deno task bench:flow [--seconds 5] [--batches 1,100,500]`
 */
import { parseArgs } from "@std/cli";
import type { Child } from "../fixtures/child.ts";
import { recordBytes } from "./flow/bench_bytes.ts";
import type { SourceReport } from "./flow/source_peer.ts";
import {
  sourceOf,
  startFloor,
  startRouter,
  type Subject,
} from "./flow/subjects.ts";
import { median } from "./load.ts";
import { cpuMsOf, rssMaxOf } from "./process_usage.ts";

/** CPU of the router for one of the floor. */
const ratioMax = 1.5;
const ratioGoal = 1.25;

/** One run of one subject. */
interface Run extends SourceReport {
  /** CPU of the process between source and services, in µs a record. */
  readonly cpuUs: number;
  readonly rssMaxBytes: number;
}

async function measure(
  subject: Subject,
  source: Child,
  ms: number,
): Promise<Run> {
  const [cpuBefore, storedBefore] = [
    cpuMsOf(subject.pid),
    await subject.stored(),
  ];
  const report = JSON.parse(await source.ask(`${ms}`)) as SourceReport;
  const stored = await subject.stored();
  if (stored !== undefined && stored - storedBefore! < report.records) {
    throw new Error(
      `${report.records} acked and ${stored - storedBefore!} stored`,
    );
  }
  return {
    ...report,
    cpuUs: (cpuMsOf(subject.pid) - cpuBefore) * 1_000 / report.records,
    rssMaxBytes: rssMaxOf(subject.pid),
  };
}

function row(run: Run) {
  const round = (value: number): number => Math.round(value * 10) / 10;
  return {
    "records/s": Math.round(run.records / run.ms * 1_000),
    "p50 ms": round(run.p50Ms),
    "p99 ms": round(run.p99Ms),
    "CPU µs/record": round(run.cpuUs),
    "peak RSS MB": run.rssMaxBytes >> 20,
  };
}

/** Whether the bar is reached. */
async function compare(batch: number, ms: number): Promise<boolean> {
  await using router = await startRouter();
  await using floor = await startFloor();
  await using routerSource = sourceOf(router, batch);
  await using floorSource = sourceOf(floor, batch);
  for (const source of [routerSource, floorSource]) await source.line();
  // The first seconds of a process are its compiler's.
  await measure(router, routerSource, ms);
  await measure(floor, floorSource, ms);
  const rows: { [name: string]: ReturnType<typeof row> } = {};
  const cpuUs = { router: [] as number[], floor: [] as number[] };
  for (const turn of [1, 2]) {
    const routed = await measure(router, routerSource, ms);
    const passed = await measure(floor, floorSource, ms);
    rows[`router, run ${turn}`] = row(routed);
    rows[`floor, run ${turn}`] = row(passed);
    cpuUs.router.push(routed.cpuUs);
    cpuUs.floor.push(passed.cpuUs);
  }
  console.log(`batches of ${batch}, ${recordBytes} B a record`);
  console.table(rows);
  const ratio = median(cpuUs.router) / median(cpuUs.floor);
  const noise = Math.max(spread(cpuUs.router), spread(cpuUs.floor));
  const percent = Math.round((noise - 1) * 100);
  console.log(
    `router CPU / floor CPU: ${
      ratio.toFixed(2)
    } ±${percent} % (bar ${ratioMax}, goal ${ratioGoal})\n`,
  );
  return ratio <= ratioMax * noise;
}

/** How many times the least the most is. */
function spread(values: readonly number[]): number {
  return Math.max(...values) / Math.min(...values);
}

if (import.meta.main) {
  const { seconds, batches } = parseArgs(Deno.args, {
    string: ["seconds", "batches"],
    default: { seconds: "5", batches: "1,100,500" },
  });
  let reached = true;
  for (const batch of batches.split(",")) {
    const reaches = await compare(Number(batch), Number(seconds) * 1_000);
    reached &&= reaches;
  }
  if (!reached) Deno.exit(1);
}
