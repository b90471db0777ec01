/**
 * Goal: what three routers have confirmed of offsets, checkpoints, pipelines, registrations and
 * assignments is never forgotten, never taken back and never read out of order, whichever of them dies;
 * each partition of a group has one owner, and each stage one sidecar.
 * Method: `server.ts` in three processes; the leader, a follower, or all three are killed without a word
 * again and again under clients at every one of them, whose history is checked at the end; members that
 * come to a group and leave it, and sidecars, are checked at every answer.
 *
 * `deno task control:kills` runs it at length.
 */
import { parseArgs } from "@std/cli";
import { ClusterClient } from "@conveyor/grpc";
import { seededRandom } from "../../lib/random.ts";
import { ControlClients } from "../fixtures/control_clients.ts";
import { below } from "../fixtures/mutations.ts";
import { PodMoves } from "../fixtures/pod_moves.ts";
import { Rebalances } from "../fixtures/rebalances.ts";
import { RouterCluster, type RouterNode } from "../fixtures/router_cluster.ts";
import { describeVerdict } from "../simulation/describe_verdict.ts";
import { formatHistory } from "../simulation/history.ts";
import { checkHistory } from "../simulation/linearizability.ts";

/** How often routers are killed, under how many clients. */
export interface ControlKillPlan {
  readonly kills: number;
  readonly clients: number;
  readonly seed: number;
}

/** Who dies in turn. */
const victims = ["leader", "follower", "all"] as const;
/** Operations that are answered between two kills. */
const answersBetween = 300;

/** Kills and checks; resolves with what was seen, or rejects with where the history is. */
export async function runControlKills(
  { kills, clients: count, seed }: ControlKillPlan,
  say: (text: string) => void = () => {},
): Promise<string> {
  await using cluster = await RouterCluster.start();
  await using clients = await ControlClients.start(cluster.urls, count, seed);
  await using group = await Rebalances.start(cluster.urls, 4, seed);
  await using pods = await PodMoves.start(cluster.urls, seed);
  const random = seededRandom(seed);
  for (let kill = 0; kill < kills; kill++) {
    const victim = victims[kill % victims.length]!;
    group.run();
    pods.run();
    await clients.moreAnswers(below(answersBetween, random));
    const killed = await chosen(cluster, victim);
    const beganMs = performance.now();
    for (const node of killed) await node.kill();
    if (victim !== "all") await clients.moreAnswers(1);
    for (const node of killed) node.start();
    for (const node of killed) await node.ready();
    await clients.moreAnswers(1);
    await group.check();
    await pods.check();
    const ms = Math.round(performance.now() - beganMs);
    say(`${victim} killed and back, all as it should be after ${ms} ms`);
  }
  const history = await clients.finish();
  const faults = [...group.faults, ...pods.faults];
  if (faults.length > 0) {
    throw new Error(`SEED ${seed}: ${faults.slice(0, 10).join("; ")}`);
  }
  const verdict = checkHistory(history);
  const summary = `${clients.answered} answers, ${kills} kills. ${
    describeVerdict(verdict)
  }`;
  if (verdict.kind === "linearizable") return summary;
  const file = await Deno.makeTempFile({ suffix: ".ndjson" });
  await Deno.writeTextFile(file, formatHistory(history));
  throw new Error(`SEED ${seed}: ${summary}\nThe history is in ${file}`);
}

async function chosen(
  { nodes, urls }: RouterCluster,
  victim: typeof victims[number],
): Promise<readonly RouterNode[]> {
  if (victim === "all") return nodes;
  await using members = await ClusterClient.connect(urls);
  const { leader } = await members.listNodes();
  const leads = ({ id }: RouterNode): boolean => BigInt(id) === leader?.nodeId;
  const node = nodes.find((node) => leads(node) === (victim === "leader"));
  return [node!];
}

if (import.meta.main) {
  const plan = parseArgs(Deno.args, {
    default: { kills: 18, clients: 24, seed: 1 },
  }) as unknown as ControlKillPlan;
  // deno-lint-ignore no-console -- its output is what it is for
  console.log(await runControlKills(plan, console.log));
}
