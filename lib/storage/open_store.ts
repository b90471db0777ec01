/**
 * Opens the store of a node in a KV: reads and checks all that is there, sets up what is not, and
 * takes the store over by writing to its state, which stops any other process that still has it.
 */
import { invariant } from "../invariant.ts";
import { dropWritesMax } from "../limits.ts";
import { type Scheduler, systemScheduler } from "../scheduler.ts";
import type { Kv } from "./kv.ts";
import { encodeIdentity, resolveIdentity, storeFormat } from "./identity.ts";
import { firstHardState, shelveFirst } from "./first_snapshot.ts";
import { KvBatch } from "./kv_batch.ts";
import { KvChunks } from "./kv_chunks.ts";
import { identityKey, manifestKey, stateKey } from "./kv_keys.ts";
import { KvLine } from "./kv_line.ts";
import { KvLog } from "./kv_log.ts";
import { KvStore } from "./kv_store.ts";
import { LogMirror } from "./log_mirror.ts";
import { encodeManifest } from "./manifest.ts";
import { corrupt, recover, type Recovered, type Unset } from "./recovery.ts";
import { emptyState, encodeState, setUpMark } from "./state_record.ts";
import type { FirstSnapshot, NodeIdentity } from "./store.ts";

/** How a store is opened. */
export interface OpenStoreOptions {
  readonly identity: NodeIdentity;
  /** What a new store starts from. @default nothing, as a node does that joins */
  readonly first?: FirstSnapshot;
  /** What the store is called in messages. @default "the store" */
  readonly place?: string;
  /** An incarnation that this store is known to have reached: less means it was set back. @default 0 */
  readonly incarnationSeen?: number;
  /** Where slow work waits between its steps. @default the event loop of the process */
  readonly scheduler?: Scheduler;
}

/** The store in `kv`, which it owns from then on and closes. StorageError when it cannot be used. */
export async function openStore(
  kv: Kv,
  options: OpenStoreOptions,
): Promise<KvStore> {
  const place = options.place ?? "the store";
  const identity = resolveIdentity(options.identity);
  const scheduler = options.scheduler ?? systemScheduler;
  const seen = options.incarnationSeen ?? 0;
  let found = await recover(kv, place, identity);
  if (found.kind === "new") {
    if (seen > 0) {
      throw corrupt(place, `it is empty, but was opened ${seen} times`);
    }
    await setUp(kv, identity, options.first, found, scheduler);
    found = await recover(kv, place, identity);
  }
  invariant(found.kind === "whole", "a store is not there that was set up");
  const { incarnation } = found.identity;
  if (incarnation < seen) {
    const what = `it was opened ${seen} times and knows of ${incarnation}`;
    throw corrupt(place, `${what}: an older copy of it was put in its place`);
  }
  return await takeOver(kv, place, identity, found, scheduler);
}

/**
 * Writes what a new store starts from. Until the last commit it counts as never set up; the first one
 * ends whoever else is setting it up, before anything is deleted that the other might have written.
 */
async function setUp(
  kv: Kv,
  identity: NodeIdentity,
  first: FirstSnapshot | undefined,
  { stamp, leftovers }: Unset,
  scheduler: Scheduler,
): Promise<void> {
  const line = new KvLine(kv, stateKey, stamp);
  const mark = new KvBatch();
  mark.set(stateKey, setUpMark);
  await line.commit(mark);
  await deleteAll(line, leftovers);
  const batch = new KvBatch();
  let state = emptyState;
  if (first) {
    const chunks = new KvChunks(kv, line, scheduler, undefined);
    const id = chunks.next();
    const manifest = await shelveFirst(chunks, id, first);
    state = {
      ...emptyState,
      ...firstHardState,
      firstIndex: manifest.index + 1,
      baseTerm: manifest.term,
      lastIndex: manifest.index,
      snapshotId: id,
    };
    batch.set(manifestKey(id), encodeManifest(manifest));
  }
  const format = storeFormat;
  batch.set(
    identityKey,
    encodeIdentity({
      ...identity,
      format,
      incarnation: 0,
      storeId: crypto.randomUUID(),
    }),
  );
  batch.set(stateKey, encodeState(state));
  await line.commit(batch);
}

/** Writes as the only owner from here on, and deletes what interrupted work has left. */
async function takeOver(
  kv: Kv,
  place: string,
  identity: NodeIdentity,
  found: Recovered,
  scheduler: Scheduler,
): Promise<KvStore> {
  const { state, snapshot } = found;
  const incarnation = found.identity.incarnation + 1;
  const storeId = found.identity.storeId || crypto.randomUUID();
  const format = storeFormat;
  const line = new KvLine(kv, stateKey, found.stamp);
  const batch = new KvBatch();
  batch.set(
    identityKey,
    encodeIdentity({ ...identity, format, incarnation, storeId }),
  );
  batch.set(stateKey, encodeState(state));
  await line.commit(batch);
  // Only now: a commit of an earlier owner might still have made something of it.
  await deleteAll(line, found.leftovers);
  const mirror = LogMirror.of(state, snapshot?.manifest, found.entries);
  return new KvStore({
    kv,
    place,
    identity,
    incarnation,
    storeId,
    line,
    log: new KvLog(line, mirror, state, found.blocks),
    chunks: new KvChunks(kv, line, scheduler, snapshot),
    mirror,
    live: snapshot,
    scheduler,
  });
}

async function deleteAll(
  line: KvLine,
  keys: readonly Deno.KvKey[],
): Promise<void> {
  for (let at = 0; at < keys.length; at += dropWritesMax) {
    const batch = new KvBatch();
    for (const key of keys.slice(at, at + dropWritesMax)) batch.delete(key);
    await line.commit(batch);
  }
}
