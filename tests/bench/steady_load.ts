/** What a cluster does under a steady load: rate, latency, what went to the disk, and CPU time. */
import type { ClusterTarget, Request } from "./cluster_target.ts";
import { Load, percentile } from "./load.ts";
import { cpuMsOf } from "./process_usage.ts";

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
  const cpuBefore = [leader, ...others].map((id) =>
    cpuMsOf(nodes.pid(id)) / 1_000
  );
  const from = performance.now();
  await sleep(seconds * 1_000);
  const to = performance.now();
  const cpuAfter = [leader, ...others].map((id) =>
    cpuMsOf(nodes.pid(id)) / 1_000
  );
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

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
