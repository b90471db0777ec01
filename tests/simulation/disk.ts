/**
 * A disk with one Deno KV on it. A commit takes time; it is whole or nothing, and durable only when it
 * has ended: a crash before that decides by chance. It keeps the limits that Deno KV has, hands out
 * copies, and can be slow, stall, fail a write, or be full.
 */
import type { Kv, KvAtomic, KvEntry } from "../../lib/storage/kv.ts";
import type { Chance } from "./chance.ts";
import type { Process } from "./process.ts";
import type { Scheduled, World } from "./world.ts";

interface Stored {
  readonly key: Deno.KvKey;
  readonly value: Uint8Array;
  readonly stamp: string;
}

interface Write {
  readonly key: Deno.KvKey;
  readonly value: Uint8Array | undefined;
}

/** A commit on its way. */
interface Pending {
  readonly process: Process;
  readonly checks: readonly { key: Deno.KvKey; versionstamp: string | null }[];
  readonly writes: readonly Write[];
  scheduled: Scheduled | undefined;
}

/** What the disk does with a commit. */
export type DiskFault =
  | "none"
  /** It fails, and may have taken effect all the same. */
  | "error"
  /** It fails and has no effect. */
  | "full";

const limits = { valueBytes: 65_536, commitBytes: 819_200, mutations: 1_000 };

export class SimDisk {
  readonly #world: World;
  readonly #chance: Chance;
  readonly #entries = new Map<string, Stored>();
  readonly #pending = new Set<Pending>();
  #stamp = 0;
  /** Commits that have ended, well or not. */
  commits = 0;
  /** Times the usual duration of a commit. */
  slowness = 1;
  /** No commit ends before this. */
  stalledUntilMs = 0;
  fault: DiskFault = "none";
  /** Called when a commit has taken effect, before the process hears of it. */
  onCommit: () => void = () => {};

  constructor(world: World, node: number) {
    this.#world = world;
    this.#chance = world.chance(`disk ${node}`);
  }

  /** The KV as one process sees it. */
  open(process: Process): Kv {
    const dead = new Promise<never>(() => {});
    process.atDeath(() => this.#crash(process));
    return {
      get: (key) => process.alive ? Promise.resolve(this.#get(key)) : dead,
      list: ({ prefix }) => listed(this.#list(prefix)),
      atomic: () => this.#atomic(process),
      close: () => {},
    };
  }

  #get(key: Deno.KvKey): KvEntry {
    const found = this.#entries.get(keyText(key));
    return found === undefined
      ? { key, value: null, versionstamp: null }
      : entryOf(found);
  }

  #list(prefix: Deno.KvKey): KvEntry[] {
    const found = [...this.#entries.values()].filter(({ key }) =>
      key.length > prefix.length &&
      prefix.every((part, at) => key[at] === part)
    );
    return found.sort((one, other) => compare(one.key, other.key)).map(entryOf);
  }

  #atomic(process: Process): KvAtomic {
    const checks: { key: Deno.KvKey; versionstamp: string | null }[] = [];
    const writes: Write[] = [];
    const atomic: KvAtomic = {
      check: (check) => (checks.push(check), atomic),
      set: (key, value) => {
        // A copy: what the caller does to its buffer afterwards must not show.
        writes.push({ key, value: (value as Uint8Array).slice() });
        return atomic;
      },
      delete: (key) => (writes.push({ key, value: undefined }), atomic),
      commit: () =>
        this.#commit({ process, checks, writes, scheduled: undefined }),
    };
    return atomic;
  }

  #commit(
    pending: Pending,
  ): Promise<{ ok: true; versionstamp: string } | { ok: false }> {
    const { process } = pending;
    if (!process.alive) return new Promise<never>(() => {});
    checkLimits(pending.writes);
    const bytes = pending.writes.reduce(
      (sum, { value }) => sum + (value?.length ?? 0),
      0,
    );
    const takesMs = (this.#chance.heavyTail(0.2, 20) + bytes / 100_000) *
      this.slowness;
    const stallMs = Math.max(0, this.stalledUntilMs - this.#world.nowMs);
    const { promise, resolve, reject } = Promise.withResolvers<
      { ok: true; versionstamp: string } | { ok: false }
    >();
    this.#pending.add(pending);
    pending.scheduled = this.#world.after(
      takesMs + stallMs,
      process.node,
      () => {
        this.#pending.delete(pending);
        this.commits++;
        const { fault } = this;
        const lost = fault === "full" ||
          fault === "error" && this.#chance.happens(0.5);
        const result = lost ? { ok: false } as const : this.#apply(pending);
        if (fault === "error") this.fault = "none";
        this.onCommit();
        process.enter(() => {
          if (fault === "none") resolve(result);
          else reject(new Error(`the disk says: ${fault}`));
        });
      },
    );
    return promise;
  }

  #apply(
    { checks, writes }: Pending,
  ): { ok: true; versionstamp: string } | { ok: false } {
    const holds = checks.every(({ key, versionstamp }) =>
      (this.#entries.get(keyText(key))?.stamp ?? null) === versionstamp
    );
    if (!holds) return { ok: false };
    const stamp = (++this.#stamp).toString(16).padStart(20, "0");
    for (const { key, value } of writes) {
      if (value === undefined) this.#entries.delete(keyText(key));
      else this.#entries.set(keyText(key), { key, value, stamp });
    }
    return { ok: true, versionstamp: stamp };
  }

  /** The process is gone: what was on its way arrived, or did not. */
  #crash(process: Process): void {
    for (const pending of this.#pending) {
      if (pending.process !== process) continue;
      this.#pending.delete(pending);
      pending.scheduled!.cancelled = true;
      if (this.fault !== "full" && this.#chance.happens(0.5)) {
        this.#apply(pending);
      }
    }
  }
}

/** Asynchronous because the interface of Deno KV is. */
async function* listed(entries: readonly KvEntry[]): AsyncGenerator<KvEntry> {
  yield* entries;
}

function entryOf({ key, value, stamp }: Stored): KvEntry {
  return { key, value: value.slice(), versionstamp: stamp };
}

function keyText(key: Deno.KvKey): string {
  return key.join("/");
}

/** As Deno KV orders keys: texts before numbers. */
function compare(one: Deno.KvKey, other: Deno.KvKey): number {
  for (let at = 0; at < Math.min(one.length, other.length); at++) {
    // The stores use no other kinds of key.
    const [a, b] = [one[at] as string | number, other[at] as string | number];
    if (a === b) continue;
    if (typeof a !== typeof b) return typeof a === "string" ? -1 : 1;
    return a < b ? -1 : 1;
  }
  return one.length - other.length;
}

function checkLimits(writes: readonly Write[]): void {
  let bytes = 0;
  for (const { key, value } of writes) {
    const length = value?.length ?? 0;
    if (length > limits.valueBytes) {
      throw new TypeError(`a value of ${length} bytes`);
    }
    bytes += length + keyText(key).length;
  }
  if (bytes > limits.commitBytes || writes.length > limits.mutations) {
    throw new TypeError(`a commit of ${writes.length} writes, ${bytes} bytes`);
  }
}
