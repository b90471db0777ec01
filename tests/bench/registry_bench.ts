// deno-lint-ignore-file no-console -- it prints what it has measured
/**
 * What a register of 10,000 services costs the leader over real sockets, and how fast 1,000 watchers
 * hear of a change. Bars: heartbeats every 5 s cost no log entry and under 10 % of a core; a change
 * reaches every watcher within 250 ms at p99. Run: deno run -A tests/bench/registry_bench.ts
 *
 * The floor is grpc-js alone, which answers the same messages on as many streams.
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
import { TextLineStream } from "../fixtures/text_lines.ts";
import { Hearts } from "./hearts.ts";
import { rssMaxOf } from "./process_usage.ts";

const services = 10_000;
const watchers = 1_000;
const connections = 25;
/** Until the compilers of the processes have done their work. */
const warmUpMs = 20_000;
const measuredMs = 20_000;
const changes = 20;

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

async function cost(
  what: string,
  hearts: Hearts,
  pid: number,
  entries: () => Promise<number>,
): Promise<number> {
  await pause(warmUpMs);
  const before = await entries();
  const { share, rate } = await hearts.cost(pid, measuredMs);
  console.log(
    `${what}: ${(100 * share).toFixed(1)} % of a core, ${Math.round(rate)} ` +
      `a second, ${hearts.refused} refused, ${await entries() - before} ` +
      `log entries, ${rssMaxOf(pid) >> 20} MB at most`,
  );
  return share;
}

async function floorCost(): Promise<number> {
  const process = new Deno.Command(Deno.execPath(), {
    args: [
      ...["run", "-A", "--quiet"],
      new URL("heartbeat_floor.ts", import.meta.url).href,
    ],
    stdout: "piped",
  }).spawn();
  const lines = process.stdout.pipeThrough(new TextDecoderStream())
    .pipeThrough(new TextLineStream()).getReader();
  const { value: url } = await lines.read();
  try {
    await using hearts = await Hearts.start(url!, {
      streams: services,
      register: false,
    });
    return await cost(
      "the floor",
      hearts,
      process.pid,
      () => Promise.resolve(0),
    );
  } finally {
    process.kill("SIGKILL");
    await process.status;
    await lines.cancel();
  }
}

const floor = await floorCost();
const dataDir = await Deno.makeTempDir();
const server = new ServerProcess([
  ...["--listen-addr", "127.0.0.1:0", "--http-addr", "off"],
  ...["--data-dir", dataDir],
]);
const url = await server.url();
const cluster = await ClusterClient.connect(url);
const entries = async (): Promise<number> =>
  Number((await cluster.status()).commitIndex);
{
  await using hearts = await Hearts.start(url, { streams: services });
  const what = `${services} services, a stream each`;
  const share = await cost(what, hearts, server.pid, entries);
  console.log(`that is ${(share / floor).toFixed(1)} times the floor`);
}
const hearts = await Hearts.start(url, { streams: connections });
const each = services / connections;
await cost(
  `${services} services, ${each} to a stream`,
  hearts,
  server.pid,
  entries,
);

const clients = await Promise.all(
  Array.from(
    { length: connections },
    async () => new RegistryClient(await Channel.connect(url)),
  ),
);
/** A sink whose health changes. */
const serviceId = "sink";
const { registrationId } = await clients[0]!.register({
  identity: { serviceId, name: serviceId, serviceType: ServiceType.Sink },
  endpoint: { host: "10.0.0.1", port: 50_051 },
  heartbeatInterval: { seconds: 600n, nanos: 0 },
});
const beats = new Feed<MessageInit<HeartbeatRequest>>();
const answers = clients[0]!.heartbeats(beats)[Symbol.asyncIterator]();
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
    beats.push({ serviceId, registrationId, health: { status } });
    await answers.next();
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
leaving.abort();
beats.end();
await hearts[Symbol.asyncDispose]();
for (const client of clients) await client.close();
await cluster.close();
await server[Symbol.asyncDispose]();
await Deno.remove(dataDir, { recursive: true });
