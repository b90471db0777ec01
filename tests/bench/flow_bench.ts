// deno-lint-ignore-file no-console -- its output is what it is for
/**
 * source -> router -> transform -> sink, each a process of its own, over gRPC: records a second as they
 * are counted at the sink, ack latency, CPU of the router for a record and its peak memory, for records
 * of 256 B in batches of 1, 100 and 500. Beside it the floor: a process with the same hops that passes
 * bytes on without looking at them. Each is measured twice, in turn, so that what the machine adds shows.
 *
 * `deno run -A tests/bench/flow_bench.ts [--seconds 5] [--batches 1,100,500]`
 */
import { parseArgs } from "@std/cli";
import { AdminClient } from "@conveyor/grpc";
import { Child } from "../fixtures/child.ts";
import { line } from "../fixtures/router_setup.ts";
import { ServerProcess } from "../fixtures/server_process.ts";
import { cpuMsOf, rssMaxOf } from "./process_usage.ts";
import { recordBytes, sourceName } from "./flow/bench_bytes.ts";
import type { SourceReport } from "./flow/source_peer.ts";

/** One run of one subject. */
interface Run extends SourceReport {
  /** CPU of the process between source and services, in µs a record. */
  readonly cpuUs: number;
  readonly rssMaxBytes: number;
}

/** A source pushes to it. */
interface Subject extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  readonly plain: boolean;
  /** Records at the sink; undefined where nobody counts. */
  stored(): Promise<number | undefined>;
}

const script = (name: string): URL =>
  new URL(`flow/${name}.ts`, import.meta.url);

async function startRouter(): Promise<Subject> {
  const open = new AsyncDisposableStack();
  const dataDir = await Deno.makeTempDir();
  open.defer(() => Deno.remove(dataDir, { recursive: true }));
  const router = open.use(
    new ServerProcess([
      ...["--listen-addr", "127.0.0.1:0", "--http-addr", "off"],
      ...["--data-dir", dataDir],
    ]),
  );
  const url = await router.url();
  const transform = open.use(
    new Child(script("service_peer"), "transform", url),
  );
  const sink = open.use(new Child(script("service_peer"), "sink", url));
  for (const peer of [transform, sink]) await peer.line();
  await using admin = await AdminClient.connect(url);
  const pipeline = line("transform", "sink");
  pipeline.stages[0]!.serviceSelector.serviceName = sourceName;
  await admin.createPipeline(pipeline);
  return {
    url,
    pid: router.pid,
    plain: false,
    stored: async () => Number(await sink.ask("count")),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
}

async function startFloor(): Promise<Subject> {
  const open = new AsyncDisposableStack();
  const transform = open.use(new Child(script("service_peer"), "transform"));
  const sink = open.use(new Child(script("service_peer"), "sink"));
  const urls = [await transform.line(), await sink.line()];
  const floor = open.use(new Child(script("floor_peer"), ...urls));
  return {
    url: await floor.line(),
    pid: floor.pid,
    plain: true,
    stored: () => Promise.resolve(undefined),
    [Symbol.asyncDispose]: () => open.disposeAsync(),
  };
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

async function compare(batch: number, ms: number): Promise<void> {
  await using router = await startRouter();
  await using floor = await startFloor();
  const sourceOf = ({ url, plain }: Subject): Child =>
    new Child(
      script("source_peer"),
      url,
      `${batch}`,
      plain ? "PLAIN" : "ACKED",
    );
  await using routerSource = sourceOf(router);
  await using floorSource = sourceOf(floor);
  for (const source of [routerSource, floorSource]) await source.line();
  // The first seconds of a process are its compiler's.
  await measure(router, routerSource, ms);
  await measure(floor, floorSource, ms);
  const rows: { [name: string]: ReturnType<typeof row> } = {};
  const sums = { router: 0, floor: 0 };
  for (const turn of [1, 2]) {
    const routed = await measure(router, routerSource, ms);
    const passed = await measure(floor, floorSource, ms);
    rows[`router, run ${turn}`] = row(routed);
    rows[`floor, run ${turn}`] = row(passed);
    sums.router += routed.cpuUs;
    sums.floor += passed.cpuUs;
  }
  console.log(`batches of ${batch}, ${recordBytes} B a record`);
  console.table(rows);
  const ratio = (sums.router / sums.floor).toFixed(2);
  console.log(`router CPU / floor CPU: ${ratio} (bar 2.0, goal 1.25)\n`);
}

if (import.meta.main) {
  const { seconds, batches } = parseArgs(Deno.args, {
    string: ["seconds", "batches"],
    default: { seconds: "5", batches: "1,100,500" },
  });
  for (const batch of batches.split(",")) {
    await compare(Number(batch), Number(seconds) * 1_000);
  }
}
