/**
 * Kills the leader of three real processes again and again under 64 clients that write and read, and
 * checks that what they saw is linearizable, that no acked write is lost and none applied twice:
 *
 *     deno task raft:kills [--kills 20 --clients 64 --seed 1]
 *
 * Prints the time from each kill to the next acked write. A history that is not linearizable is left
 * in a file that tests/simulation/check_history.ts reads.
 */
import { parseArgs } from "@std/cli";
import { KvCluster } from "../fixtures/kv_cluster.ts";
import { RecordedClients } from "../fixtures/recorded_clients.ts";
import { describeVerdict } from "../simulation/describe_verdict.ts";
import { formatHistory } from "../simulation/history.ts";
import { checkHistory } from "../simulation/linearizability.ts";

/** Time for the clients to end what they have under way once nobody disturbs them any more. */
const finishMs = 30_000;

interface Size {
  readonly kills: number;
  readonly clients: number;
  readonly seed: number;
}

/** Whether the promises were kept. */
async function run({ kills, clients: count, seed }: Size): Promise<boolean> {
  await using cluster = await KvCluster.start();
  const urls = cluster.ids.map((id) => cluster.url(id));
  await using clients = await RecordedClients.start(urls, count, seed);
  const pauses: number[] = [];
  for (let kill = 1; kill <= kills; kill++) {
    const leader = await cluster.leader();
    await clients.nextAck();
    const next = clients.nextAck();
    await cluster.kill(leader);
    const ms = await next;
    pauses.push(ms);
    say(
      `kill ${kill}: node ${leader}, next acked write after ${
        ms.toFixed(0)
      } ms, ${clients.acked} acked so far`,
    );
    await cluster.boot(leader);
  }
  const history = await clients.finish(finishMs);
  pauses.sort((a, b) => a - b);
  say(
    `time to the next acked write: median ${
      pauses[pauses.length >> 1]!.toFixed(0)
    } ms, longest ${pauses.at(-1)!.toFixed(0)} ms`,
  );
  const verdict = checkHistory(history);
  say(`${clients.acked} acked writes. ${describeVerdict(verdict)}`);
  if (verdict.kind === "linearizable") return await sameState(cluster);
  const file = await Deno.makeTempFile({ suffix: ".ndjson" });
  await Deno.writeTextFile(file, formatHistory(history));
  say(`SEED ${seed}; the history is in ${file}`);
  return false;
}

/** Whether all nodes that have applied as much have applied the same, each command once. */
async function sameState(cluster: KvCluster): Promise<boolean> {
  await cluster.leader();
  const states = await Promise.all(cluster.ids.map((id) => cluster.status(id)));
  const hashes = new Map<number, string>();
  for (const { raft, hash } of states) {
    if ((hashes.get(raft.applied) ?? hash) !== hash) {
      say(`Not the same state at ${raft.applied}: ${JSON.stringify(states)}`);
      return false;
    }
    hashes.set(raft.applied, hash);
  }
  return true;
}

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

if (import.meta.main) {
  const { kills, clients, seed } = parseArgs(Deno.args, {
    default: { kills: 20, clients: 64, seed: 1 },
  }) as unknown as Size;
  if (!await run({ kills, clients, seed })) Deno.exit(1);
}
