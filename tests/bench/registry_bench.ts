// deno-lint-ignore-file no-console -- its output is what it is for
/**
 * What 10,000 services that send a heartbeat every 5 s cost the leader over real sockets, and how fast
 * 1,000 watchers beside them hear of a change. Beside the leader the floor: grpc-js alone, which answers
 * the same messages on as many streams at the same time, so that what the machine adds hits both alike.
 *
 * Exits with 1 when a heartbeat takes more CPU time than the bar allows for one of the floor, or when a
 * change takes longer than 250 ms at p99, in each of five rounds: others on the machine make a round
 * worse, never better. Also when any heartbeat is refused or costs a log entry.
 *
 * `deno task bench:registry`
 */
import { ClusterClient } from "../../clients/cluster_client.ts";
import { Child } from "../fixtures/child.ts";
import { ServerProcess } from "../fixtures/server_process.ts";
import { percentile } from "./load.ts";
import { rssMaxOf } from "./process_usage.ts";
import { type HeartbeatCost, Hearts } from "./registry/hearts.ts";
import { Watchers, watchers } from "./registry/watchers.ts";

/** CPU of the router for one of the floor. */
const ratioMax = 2;
const p99MsMax = 250;
/** Until the compilers of the processes have done their work. */
const warmUpMs = 20_000;
const measuredMs = 10_000;
const changes = 20;
const rounds = 5;

/** Whether the bar is reached in some round, which is then the last one. */
async function someRound(reaches: () => Promise<boolean>): Promise<boolean> {
  for (let round = 0; round < rounds; round++) {
    if (await reaches()) return true;
  }
  return false;
}

/** Whether the bars of heartbeats are reached. */
async function heartbeats(
  url: string,
  pid: number,
  hearts: Hearts,
): Promise<boolean> {
  await using child = new Child(
    new URL("registry/heartbeat_floor.ts", import.meta.url),
  );
  await using floorHearts = await Hearts.start(await child.line(), {
    register: false,
  });
  await using cluster = await ClusterClient.connect(url);
  const entries = async () => Number((await cluster.status()).commitIndex);
  await new Promise((resolve) => setTimeout(resolve, warmUpMs));
  const entriesBefore = await entries();
  const cheap = await someRound(async () => {
    const [routed, floor] = await Promise.all([
      hearts.cost(pid, measuredMs),
      floorHearts.cost(child.pid, measuredMs),
    ]);
    console.log(`router: ${shown(routed, pid)} (bar 10 % of a core)`);
    console.log(`floor: ${shown(floor, child.pid)}`);
    const ratio = routed.us / floor.us;
    console.log(
      `router CPU / floor CPU: ${ratio.toFixed(2)} (bar ${ratioMax})`,
    );
    return ratio <= ratioMax && routed.rate >= 0.95 * floor.rate;
  });
  const logged = await entries() - entriesBefore;
  console.log(`${hearts.refused} refused, ${logged} log entries (bars 0)`);
  return cheap && hearts.refused === 0 && logged === 0;
}

function shown({ share, rate, us }: HeartbeatCost, pid: number): string {
  return `${(100 * share).toFixed(1)} % of a core, ` +
    `${Math.round(rate)} heartbeats/s, ${us.toFixed(1)} µs each, ` +
    `${rssMaxOf(pid) >> 20} MB at most`;
}

/** Whether the bar of watchers is reached. */
async function changesArrive(url: string): Promise<boolean> {
  await using all = await Watchers.start(url);
  return await someRound(async () => {
    const delaysMs = await all.delaysMs(changes);
    const ms = (part: number) => Math.round(percentile(delaysMs, part));
    console.log(
      `a change to ${watchers} watchers, ${changes} times: ` +
        `p50 ${ms(0.5)} ms, p99 ${ms(0.99)} ms (bar ${p99MsMax}), ` +
        `max ${ms(1)} ms`,
    );
    return ms(0.99) <= p99MsMax;
  });
}

async function measure(): Promise<boolean> {
  await using open = new AsyncDisposableStack();
  const dataDir = await Deno.makeTempDir();
  open.defer(() => Deno.remove(dataDir, { recursive: true }));
  const router = open.use(
    new ServerProcess([
      ...["--listen-addr", "127.0.0.1:0", "--http-addr", "off"],
      ...["--data-dir", dataDir],
    ]),
  );
  const url = await router.url();
  const hearts = open.use(await Hearts.start(url));
  const cheap = await heartbeats(url, router.pid, hearts);
  const quick = await changesArrive(url);
  return cheap && quick;
}

if (import.meta.main && !await measure()) Deno.exit(1);
