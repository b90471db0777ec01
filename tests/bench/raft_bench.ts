// deno-lint-ignore-file no-console -- its output is what it is for
/**
 * A cluster of three processes with real disks beside three of Debian's etcd-server, measured in turn
 * in one run by the same client: writes, linearizable reads, and how long nothing is written when the
 * leader goes. Then the core alone, and the core with real KV files, in this process. Beside each
 * figure stand the first bar and the goal, and how far two measurements of the same are apart.
 *
 * `deno task bench:raft [--quick] [--only reads,stop]`; without etcd it measures this cluster alone.
 */
import { parseArgs } from "@std/cli";
import { EtcdCluster } from "../fixtures/etcd_cluster.ts";
import { type ClusterTarget, startEtcd, startOurs } from "./cluster_target.ts";
import { diskRate } from "./disk_rate.ts";
import { compare, type InTurn, inTurn } from "./in_turn.ts";
import { median } from "./load.ts";
import { killedToAck, stopGap } from "./lost_leader.ts";
import { type Report, reportOf, type RowName, rowNames } from "./raft_bars.ts";
import { coreRate } from "./raft_core_bench.ts";
import { measureSteady, type Steady, type SteadyLoad } from "./steady_load.ts";

const timing = { heartbeatMs: 100, electionMs: 1_000 };
const value = "x".repeat(256);
const manyClients = 64;

/** How much is measured. */
interface Size {
  readonly rounds: number;
  readonly seconds: number;
}

const full: Size = { rounds: 3, seconds: 2 };
const quick: Size = { rounds: 1, seconds: 1 };

/** What the rows are measured on. */
interface Bench extends Size {
  readonly ours: ClusterTarget;
  /** Undefined where it is not installed. */
  readonly etcd: ClusterTarget | undefined;
}

/** How each row is measured; what it prints beside is what the row cannot hold. */
const measures: Readonly<
  Record<RowName, (bench: Bench) => Promise<Report>>
> = {
  writes: async (bench) => {
    const found = await steadyInTurn(bench, "put", manyClients);
    showSteady("writes", found);
    return reportOf("writes", compare(found, ({ perSecond }) => perSecond));
  },
  write: async (bench) => {
    const found = await steadyInTurn(bench, "put", 1);
    showSteady("write", found);
    return reportOf("write", compare(found, ({ p50Ms }) => p50Ms));
  },
  reads: async (bench) => {
    const found = await steadyInTurn(bench, "get", manyClients);
    showSteady("reads", found);
    return reportOf("reads", compare(found, ({ perSecond }) => perSecond));
  },
  kill: (bench) => lossInTurn("kill", bench, killedToAck),
  stop: (bench) => lossInTurn("stop", bench, stopGap),
  core: (bench) =>
    alone(
      "core",
      bench,
      () => Promise.resolve(coreRate(bench.seconds * 500, true).perSecond),
    ),
  disk: (bench) => alone("disk", bench, () => diskRate(bench.seconds * 1_000)),
};

const steadyRows: readonly RowName[] = ["writes", "write", "reads"];

async function steadyInTurn(
  { ours, etcd, rounds, seconds }: Bench,
  call: "put" | "get",
  clients: number,
): Promise<InTurn<Steady>> {
  const measure = (target: ClusterTarget): Promise<Steady> =>
    measureSteady(target, steadyLoad(target, call, clients, seconds));
  return await inTurn(
    rounds,
    () => measure(ours),
    etcd && (() => measure(etcd)),
  );
}

function steadyLoad(
  target: ClusterTarget,
  call: "put" | "get",
  clients: number,
  seconds: number,
): SteadyLoad {
  return {
    clients,
    seconds,
    leaderOnly: call === "put",
    next: (client) => target[call](`${client}`, value),
  };
}

/** The first seconds of a process, the client's too, are its compiler's. */
async function warmUp(
  targets: readonly ClusterTarget[],
  { seconds }: Size,
): Promise<void> {
  for (const target of targets) {
    for (const call of ["put", "get"] as const) {
      const load = steadyLoad(target, call, manyClients, 2 * seconds);
      await measureSteady(target, load);
    }
  }
}

function showSteady(name: RowName, found: InTurn<Steady>): void {
  for (
    const [who, all] of [["ours", found.one], ["etcd", found.other]] as const
  ) {
    if (all.length === 0) continue;
    const middle = (of: (steady: Steady) => number): string =>
      median(all.map(of)).toFixed(2);
    const cpu = all[0]!.cpu.map((_, at) => middle((steady) => steady.cpu[at]!));
    const flushed = middle(({ entriesPerCommit }) => entriesPerCommit);
    console.log([
      `${name}, ${who}: ${middle(({ perSecond }) => perSecond)}/s`,
      `p50 ${middle(({ p50Ms }) => p50Ms)} ms`,
      `p99 ${middle(({ p99Ms }) => p99Ms)} ms`,
      ...(flushed === "NaN" ? [] : [`entries a flush ${flushed}`]),
      `CPU seconds a second ${cpu.join(" ")} (leader first)`,
    ].join(", "));
  }
}

async function lossInTurn(
  name: "kill" | "stop",
  { ours, etcd, rounds }: Bench,
  measure: (target: ClusterTarget) => Promise<number>,
): Promise<Report> {
  const found = await inTurn(
    rounds,
    () => measure(ours),
    etcd && (() => measure(etcd)),
  );
  const list = (all: readonly number[]): string =>
    all.map((ms) => ms.toFixed(0)).join(" ");
  console.log(
    `${name}, ms: ours ${list(found.one)}; etcd ${list(found.other)}`,
  );
  return reportOf(name, compare(found, (ms) => ms));
}

async function alone(
  name: "core" | "disk",
  { rounds }: Bench,
  measure: () => Promise<number>,
): Promise<Report> {
  const found = await inTurn(rounds, measure, undefined);
  return reportOf(name, compare(found, (rate) => rate));
}

async function main(size: Size, names: readonly RowName[]): Promise<void> {
  await using open = new AsyncDisposableStack();
  const place = await Deno.makeTempDir({ prefix: "raft-bench-" });
  open.defer(() => Deno.remove(place, { recursive: true }));
  const ours = await startOurs({ ...timing, place });
  open.use(ours.nodes);
  let etcd: ClusterTarget | undefined;
  if (await EtcdCluster.installed()) {
    etcd = await startEtcd({ ...timing, place });
    open.use(etcd.nodes);
  } else {
    console.log("etcd is not installed: nothing to compare with");
  }
  if (names.some((name) => steadyRows.includes(name))) {
    await warmUp(etcd ? [ours, etcd] : [ours], size);
  }
  const reports: Report[] = [];
  for (const name of names) {
    reports.push(await measures[name]({ ...size, ours, etcd }));
  }
  console.log(`\n${tableOf(reports)}`);
}

/** Headed columns, as wide as they have to be. */
function tableOf(reports: readonly Report[]): string {
  const lines = [
    Object.keys(reports[0] ?? {}),
    ...reports.map((report) => Object.values<string>({ ...report })),
  ];
  const widths = lines[0]!.map((_, at) =>
    Math.max(...lines.map((line) => line[at]!.length))
  );
  return lines.map((line) =>
    line.map((cell, at) => cell.padEnd(widths[at]!)).join("  ").trimEnd()
  ).join("\n");
}

if (import.meta.main) {
  const { quick: short, only } = parseArgs(Deno.args, {
    boolean: ["quick"],
    string: ["only"],
  });
  const asked = only?.split(",") ?? rowNames;
  const unknown = asked.filter((name) => !rowNames.some((row) => row === name));
  if (unknown.length > 0) {
    throw new Error(`no row "${unknown}"; there are ${rowNames.join(", ")}`);
  }
  await main(
    short ? quick : full,
    rowNames.filter((name) => asked.includes(name)),
  );
}
