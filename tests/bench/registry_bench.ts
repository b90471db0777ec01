// deno-lint-ignore-file no-console -- it prints what it has measured
/**
 * What a register of 10,000 services costs the leader over real sockets, and how fast 1,000 watchers
 * hear of a change. Bars: heartbeats every 5 s cost no log entry and under 10 % of a core; a change
 * reaches every watcher within 250 ms at p99. Run: deno run -A tests/bench/registry_bench.ts
 */
import { Channel } from "../../clients/channel.ts";
import { ClusterClient } from "../../clients/cluster_client.ts";
import { RegistryClient } from "../../clients/registry_client.ts";
import { HealthStatus, ServiceType } from "../../proto/messages/common.ts";
import type { MessageInit } from "../../proto/codec.ts";
import {
  EventType,
  type HeartbeatRequest,
} from "../../proto/messages/registry.ts";
import { Feed } from "../fixtures/feed.ts";
import { ServerProcess } from "../fixtures/server_process.ts";
import { cpuMsOf, rssMaxOf } from "./process_usage.ts";

const services = 10_000;
const watchers = 1_000;
const connections = 25;
const intervalMs = 5_000;
const measuredMs = 15_000;
const changes = 20;

const dataDir = await Deno.makeTempDir();
const server = new ServerProcess([
  ...["--listen-addr", "127.0.0.1:0", "--http-addr", "off"],
  ...["--data-dir", dataDir],
]);
const url = await server.url();
const cluster = await ClusterClient.connect(url);
const clients = await Promise.all(
  Array.from(
    { length: connections },
    async () => new RegistryClient(await Channel.connect(url)),
  ),
);
const entries = async (): Promise<number> =>
  Number((await cluster.status()).commitIndex);
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** A service with its stream of heartbeats. */
interface Beating {
  readonly beat: MessageInit<HeartbeatRequest>;
  readonly feed: Feed<MessageInit<HeartbeatRequest>>;
}

async function enter(at: number, type: ServiceType): Promise<Beating> {
  const client = clients[at % connections]!;
  const serviceId = `service-${at}`;
  const { registrationId } = await client.register({
    identity: { serviceId, name: "enrich", serviceType: type },
    endpoint: { host: "10.0.0.1", port: 50_051 },
    heartbeatInterval: { seconds: BigInt(intervalMs / 1_000), nanos: 0 },
  });
  const feed = new Feed<MessageInit<HeartbeatRequest>>();
  (async () => {
    for await (const { acknowledged } of client.heartbeats(feed)) {
      if (!acknowledged) console.log(`${serviceId} was not acknowledged`);
    }
  })().catch(() => {});
  const health = { status: HealthStatus.Healthy };
  return { beat: { serviceId, registrationId, health }, feed };
}

const entering = performance.now();
const all: Beating[] = [];
while (all.length < services) {
  const ids = Array.from({ length: 500 }, (_, at) => all.length + at);
  all.push(
    ...await Promise.all(ids.map((at) => enter(at, ServiceType.Transform))),
  );
}
const enteringMs = performance.now() - entering;
console.log(`${services} services registered: ${Math.round(enteringMs)} ms`);

// Each beats every 5 s, evenly spread.
const tickMs = 50;
let next = 0;
const beating = setInterval(() => {
  for (let n = 0; n < services * tickMs / intervalMs; n++) {
    const { feed, beat } = all[next++ % services]!;
    feed.push(beat);
  }
}, tickMs);
await pause(intervalMs + 1_000);
const [cpuBefore, entriesBefore] = [cpuMsOf(server.pid), await entries()];
await pause(measuredMs);
const share = (cpuMsOf(server.pid) - cpuBefore) / measuredMs;
const alive = (await clients[0]!.listServices()).length;
console.log(
  `heartbeats of ${services} services every ${intervalMs} ms: ` +
    `${(100 * share).toFixed(1)} % of a core, ` +
    `${await entries() - entriesBefore} log entries, ` +
    `${rssMaxOf(server.pid) >> 20} MB at most, ${alive} alive`,
);

const sink = await enter(services, ServiceType.Sink);
let heard = 0;
let changedMs = 0;
let allHeard = (): void => {};
const delaysMs: number[] = [];
const leaving = new AbortController();
for (let at = 0; at < watchers; at++) {
  const watch = clients[at % connections]!.watchServices({
    typeFilter: ServiceType.Sink,
  }, { signal: leaving.signal });
  (async () => {
    for await (const { eventType } of watch) {
      if (eventType === EventType.HealthChanged) {
        delaysMs.push(performance.now() - changedMs);
      }
      if (++heard === watchers) allHeard();
    }
  })().catch(() => {});
}
for (let change = 0; change <= changes; change++) {
  const done = new Promise<void>((resolve) => allHeard = resolve);
  if (heard >= watchers) heard = 0;
  changedMs = performance.now();
  if (change > 0) {
    const status = change % 2 ? HealthStatus.Degraded : HealthStatus.Healthy;
    sink.feed.push({ ...sink.beat, health: { status } });
  }
  await done;
  heard = 0;
  await pause(200);
}
delaysMs.sort((a, b) => a - b);
const at = (share: number) =>
  Math.round(delaysMs[Math.floor(delaysMs.length * share)]!);
console.log(
  `a change to ${watchers} watchers, ${changes} times: ` +
    `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(0.999999)} ms`,
);
clearInterval(beating);
leaving.abort();
for (const { feed } of [...all, sink]) feed.end();
for (const client of clients) await client.close();
await cluster.close();
await server[Symbol.asyncDispose]();
await Deno.remove(dataDir, { recursive: true });
