/** How long nothing is written when the leader goes, killed or stopped. */
import type { ClusterTarget } from "./cluster_target.ts";
import { Load } from "./load.ts";

const clients = 16;
/** Writes go on for this long before the leader goes and after they were seen to go on. */
const aroundMs = 500;

/**
 * Kills the leader, and starts it again in the end: ms until a write is acked that was begun after
 * it was killed.
 */
export async function killedToAck(target: ClusterTarget): Promise<number> {
  return await withoutLeader(target, "kill", (load, wentMs) =>
    Math.min(
      ...load.answered.filter(({ beganMs }) => beganMs > wentMs)
        .map(({ answeredMs }) => answeredMs),
    ) - wentMs);
}

/** Stops the leader gracefully, and starts it again: the longest time without an acked write, in ms. */
export async function stopGap(target: ClusterTarget): Promise<number> {
  return await withoutLeader(target, "stop", (load, wentMs) => {
    const acks = load.answered.map(({ answeredMs }) => answeredMs);
    let gap = 0;
    for (let at = 1; at < acks.length; at++) {
      if (acks[at]! > wentMs) gap = Math.max(gap, acks[at]! - acks[at - 1]!);
    }
    return gap;
  });
}

async function withoutLeader(
  { nodes, putAnywhere }: ClusterTarget,
  how: "kill" | "stop",
  measure: (load: Load, wentMs: number) => number,
): Promise<number> {
  const leader = await nodes.leader();
  await using load = await Load.open(nodes.ids.map((id) => nodes.url(id)));
  const value = "x".repeat(256);
  const running = load.run(
    clients,
    (client) => putAnywhere(`${client}`, value),
  );
  await sleep(aroundMs);
  const wentMs = performance.now();
  await nodes[how](leader);
  while (!load.answered.some(({ beganMs }) => beganMs > wentMs)) {
    await sleep(10);
  }
  await sleep(aroundMs);
  load.stop();
  await running;
  const result = measure(load, wentMs);
  await nodes.boot(leader);
  await nodes.leader();
  return result;
}

function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
