/** What a cluster does under a steady load: rate, latency, what went to the disk, and CPU time. */
import type { ClusterTarget, Request } from "./cluster_target.ts";
import { Load, percentile } from "./load.ts";

/** One measurement. */
export interface Steady {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** On the leader; NaN when nothing was flushed. */
  readonly entriesPerCommit: number;
  /** Seconds of CPU time that the nodes used for each second, the leader's first. */
  readonly cpu: readonly number[];
}

/** What is measured. */
export interface SteadyLoad {
  readonly clients: number;
  readonly seconds: number;
  /** Whether only the leader is called. */
  readonly leaderOnly: boolean;
  readonly next: (client: number) => Request;
}

/** Clock ticks in a second of /proc. */
const ticksPerSecond = 100;
const warmUpMs = 700;

/** Measures once. */
export async function measureSteady(
  { nodes }: ClusterTarget,
  { clients, seconds, leaderOnly, next }: SteadyLoad,
): Promise<Steady> {
  const leader = await nodes.leader();
  const others = nodes.ids.filter((id) => id !== leader);
  await using load = await Load.open(
    (leaderOnly ? [leader] : nodes.ids).map((id) => nodes.url(id)),
  );
  const running = load.run(clients, next);
  await sleep(warmUpMs);
  const before = await nodes.written(leader);
  const cpuBefore = [leader, ...others].map((id) => cpuSeconds(nodes.pid(id)));
  const from = performance.now();
  await sleep(seconds * 1_000);
  const to = performance.now();
  const cpuAfter = [leader, ...others].map((id) => cpuSeconds(nodes.pid(id)));
  const after = await nodes.written(leader);
  load.stop();
  await running;
  if (load.failures > 0) throw new Error(`${load.failures} calls failed`);
  const latencies = load.answered
    .filter(({ answeredMs }) => answeredMs >= from && answeredMs < to)
    .map(({ beganMs, answeredMs }) => answeredMs - beganMs)
    .sort((a, b) => a - b);
  const lasted = (to - from) / 1_000;
  return {
    perSecond: latencies.length / lasted,
    p50Ms: percentile(latencies, 0.5),
    p99Ms: percentile(latencies, 0.99),
    entriesPerCommit: (after.entries - before.entries) /
      (after.commits - before.commits),
    cpu: cpuAfter.map((used, at) => (used - cpuBefore[at]!) / lasted),
  };
}

/** Seconds of CPU time that a process has used, all its threads together. */
function cpuSeconds(pid: number): number {
  const stat = Deno.readTextFileSync(`/proc/${pid}/stat`);
  // The name before it is in brackets and may hold blanks.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
