// deno-lint-ignore-file no-console -- its output is what it is for
/**
 * What `deno task demo` runs: a router in a process of its own, and around it, each behind a gRPC
 * server, a lookup, two transforms and three sinks. 20,000 flights are pushed; what comes out is held
 * against a direct computation over the file, and the exit code is 1 when they differ.
 *
 * `--nodes 3` runs a cluster of three routers, kills the one that takes the flights half way, and starts
 * it again. `--keep` leaves all running until Ctrl-C.
 */
import { parseArgs } from "@std/cli";
import { AdminClient, SourceClient } from "@conveyor/grpc";
import { RouterCluster } from "../fixtures/router_cluster.ts";
import { airports, flightRows } from "./dataset.ts";
import { spoiltRows } from "./dead_letters.ts";
import { LiveLine } from "./live_line.ts";
import { flightsPipeline } from "./pipeline.ts";
import { compare, expectedReport, type Report } from "./report.ts";
import { startServices } from "./services.ts";

/** The source spreads its rows over so many partitions. */
const partitions = 8;

const encoder = new TextEncoder();

function* flights(rows: readonly string[]) {
  for (const [at, row] of rows.entries()) {
    yield {
      id: {
        partition: at % partitions,
        sequenceNumber: BigInt(1 + Math.floor(at / partitions)),
      },
      recordType: "flight",
      key: encoder.encode(row.slice(0, 60)),
      payload: encoder.encode(row),
    };
  }
}

/** Pushes all rows and shows how it goes; `halfWay` is called once, when half of them are settled. */
async function pushAll(
  urls: readonly string[],
  rows: readonly string[],
  halfWay: () => void,
): Promise<void> {
  await using source = await SourceClient.connect(urls, "flights");
  const startMs = performance.now();
  const line = await LiveLine.open(urls);
  const { accepted, duplicate, rejected } = await source.pushAll(
    flights(rows),
    {
      onOutcome: () => {
        if (++line.settled === Math.ceil(rows.length / 2)) halfWay();
      },
    },
  );
  await line.close();
  if (rejected > 0) throw new Error(`${rejected} flights were rejected`);
  const seconds = (performance.now() - startMs) / 1_000;
  const settled = accepted + duplicate;
  const rate = Math.round(settled / seconds);
  console.log(
    `${settled} flights settled in ${seconds.toFixed(1)} s (${rate} records/s)`,
  );
}

/** Kills the first router, and starts it again; resolves when it takes calls. */
async function killFirst({ nodes }: RouterCluster): Promise<void> {
  const [node] = nodes;
  await node!.kill();
  console.log(`\nrouter ${node!.id} was killed`);
  node!.start();
  await node!.ready();
  console.log(`\nrouter ${node!.id} is back`);
}

/** Shows both; whether the pipeline and the direct computation agree. */
function agree(seen: Report, direct: Report): boolean {
  const lines = compare(seen, direct);
  const wrong = lines.filter(({ pipeline, direct }) => pipeline !== direct);
  const shown = wrong.length > 0 ? wrong : lines.slice(0, 13);
  console.table(
    Object.fromEntries(shown.map(({ what, ...counts }) => [what, counts])),
  );
  console.log(
    wrong.length > 0
      ? `${wrong.length} of ${lines.length} sums differ`
      : `all ${lines.length} sums agree with a direct computation over the file`,
  );
  return wrong.length === 0;
}

async function run(size: number, keep: boolean): Promise<boolean> {
  const [rows, places] = [await flightRows(), await airports()];
  await using cluster = await RouterCluster.start(size);
  const { urls } = cluster;
  console.log(`${size > 1 ? "routers" : "router"} on ${urls.join(", ")}`);
  const archive = `${cluster.folder}/flights.jsonl`;
  await using services = await startServices(urls, places, archive);
  await using admin = await AdminClient.connect(urls);
  await admin.createPipeline(flightsPipeline);
  let killed: Promise<void> | undefined;
  await pushAll(urls, rows, () => {
    if (size > 1) killed = killFirst(cluster);
  });
  await killed;
  const deadLettered = await spoiltRows(urls);
  const agrees = agree(
    { ...services.seen, deadLettered },
    expectedReport(rows, places),
  );
  if (keep) {
    console.log(`the archive is ${archive}; Ctrl-C ends it`);
    await new Promise<void>((resolve) =>
      Deno.addSignalListener("SIGINT", resolve)
    );
  }
  return agrees;
}

const usage = `Usage: deno task demo [--nodes N] [--keep]

  --nodes  routers, 1 to 9; of several one is killed half way (default: 1)
  --keep   leaves all running until Ctrl-C`;

function refuse(reason: string): never {
  console.error(reason);
  Deno.exit(64);
}

const { nodes, keep, help } = parseArgs(Deno.args, {
  boolean: ["keep", "help"],
  string: ["nodes"],
  default: { nodes: "1" },
  unknown: (arg) => refuse(`${arg} is nothing that the demo takes\n\n${usage}`),
});
if (help) {
  console.log(usage);
  Deno.exit(0);
}
if (!/^[1-9]$/.test(nodes)) {
  refuse(`--nodes must be a number from 1 to 9, and is "${nodes}"`);
}
Deno.exit(await run(Number(nodes), keep) ? 0 : 1);
