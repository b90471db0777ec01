// deno-lint-ignore-file no-console -- its output is what it is for
/**
 * What the store of a node does on this machine's disk: commits a second one after another, entries a
 * second in batches of 64, and how long an append takes beside a snapshot that is being written. The
 * bare Deno KV of the same moment stands beside: it is what the disk and other load leave to reach.
 * Run it: `deno run -A tests/bench/store_bench.ts`.
 */
import { openKvStore } from "../../lib/storage/open_kv_store.ts";
import type { RaftStore } from "../../lib/storage/store.ts";
import { confOf, entry, fill, run } from "../fixtures/store_jobs.ts";

const entryBytes = 256;
const data = fill(entryBytes);

const directory = await Deno.makeTempDir();
try {
  await using store = await openKvStore({
    directory,
    identity: { clusterId: "bench", nodeId: 1 },
  });
  await run(store, { hardState: { term: 1, vote: 1, commit: 0 } });
  await bare(directory, 1, 4_000);
  await rate("one entry a commit", store, 1, 4_000);
  await bare(directory, 64, 1_500);
  await rate("64 entries a commit", store, 64, 1_500);
  await rate("64 entries, 8 jobs queued", store, 64, 1_500, 8);
  console.log(
    `append alone                  ${spread(await appends(store, 2_000))}`,
  );
  await besideSnapshot(store, 64 * 1024 * 1024);
} finally {
  await Deno.remove(directory, { recursive: true });
}
const started = performance.now();
const reopened = await Deno.makeTempDir();
try {
  {
    await using store = await openKvStore({
      directory: reopened,
      identity: { clusterId: "bench", nodeId: 1 },
    });
    await rate("64 entries, then a restart", store, 64, 1_500);
  }
  const opening = performance.now();
  await using store = await openKvStore({
    directory: reopened,
    identity: { clusterId: "bench", nodeId: 1 },
  });
  const ms = performance.now() - opening;
  const megabytes = (store.logBytes / 2 ** 20).toFixed(0);
  console.log(`restart on a log of ${megabytes} MiB     ${ms.toFixed(0)} ms`);
} finally {
  await Deno.remove(reopened, { recursive: true });
}
console.log(`all of it ${((performance.now() - started) / 1000).toFixed(0)} s`);

/** The least that a store could do: one value for the entries and one for the state, checked. */
async function bare(
  directory: string,
  entries: number,
  jobs: number,
): Promise<void> {
  const kv = await Deno.openKv(`${directory}/bare.kv`);
  const value = fill(entries * (entryBytes + 8));
  const state = fill(40);
  const begin = performance.now();
  let { versionstamp } = await kv.get(["state"]);
  for (let at = 0; at < jobs; at++) {
    const done = await kv.atomic().check({ key: ["state"], versionstamp })
      .set(["state"], state).set(["log", at * entries], value).commit();
    if (!done.ok) throw new Error("the state was changed");
    versionstamp = done.versionstamp;
  }
  const seconds = (performance.now() - begin) / 1000;
  kv.close();
  report(`bare KV, ${entries} a commit`, jobs, entries, seconds);
}

async function rate(
  what: string,
  store: RaftStore,
  entries: number,
  jobs: number,
  queued = 1,
): Promise<void> {
  const begin = performance.now();
  const under: Promise<void>[] = [];
  let next = store.view.lastIndex() + 1;
  for (let at = 0; at < jobs; at++) {
    const batch = Array.from({ length: entries }, () => entry(next++, 1, data));
    under.push(run(store, { entries: batch }));
    if (under.length >= queued) await under.shift();
  }
  await Promise.all(under);
  const seconds = (performance.now() - begin) / 1000;
  report(what, jobs, entries, seconds);
}

function report(
  what: string,
  jobs: number,
  entries: number,
  seconds: number,
): void {
  console.log(
    `${what.padEnd(28)}  ${(jobs / seconds).toFixed(0)} jobs/s  ${
      (jobs * entries / seconds).toFixed(0)
    } entries/s`,
  );
}

/** Milliseconds that each append of one entry took, at one every 2 ms or so. */
async function appends(
  store: RaftStore,
  count: number,
  until: () => boolean = () => false,
): Promise<number[]> {
  const times: number[] = [];
  let next = store.view.lastIndex() + 1;
  while (times.length < count && !until()) {
    const begin = performance.now();
    await run(store, { entries: [entry(next++, 1, data)] });
    times.push(performance.now() - begin);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  return times;
}

async function besideSnapshot(store: RaftStore, bytes: number): Promise<void> {
  const index = store.view.lastIndex();
  await run(store, { hardState: { term: 1, vote: 1, commit: index } });
  const chunk = fill(256 * 1024);
  const begin = performance.now();
  let done = false;
  const saved = store.saveSnapshot(
    { index, term: 1, confState: confOf(1) },
    Array.from({ length: bytes / chunk.length }, () => chunk),
    index + 1,
  ).finally(() => done = true);
  const times = await appends(store, Infinity, () => done);
  await saved;
  const seconds = (performance.now() - begin) / 1000;
  console.log(`append beside a snapshot      ${spread(times)}`);
  console.log(
    `snapshot of ${bytes / 2 ** 20} MiB           ${seconds.toFixed(1)} s, ${
      (bytes / 2 ** 20 / seconds).toFixed(0)
    } MiB/s`,
  );
  console.log(
    `append while the old is dropped ${spread(await appends(store, 500))}`,
  );
}

function spread(times: number[]): string {
  times.sort((one, other) => one - other);
  const at = (part: number): string =>
    times[Math.min(times.length - 1, Math.floor(times.length * part))]!
      .toFixed(2);
  return `p50 ${at(0.5)} ms  p99 ${at(0.99)} ms  max ${
    at(1)
  } ms  (${times.length} appends)`;
}
