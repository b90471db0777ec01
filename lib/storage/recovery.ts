/**
 * Reads a whole store at the start and believes nothing: every checksum, the log without gaps and
 * with terms that never fall, the snapshot against its manifest, and all of it against the state.
 * Deno KV notices neither a flipped bit nor a write-ahead file that was cut, so what does not fit is
 * refused with a sentence that says what and where. Nothing is ever dropped by guess: that the rest
 * looks well does not make it what was acknowledged. What is deleted is only what an interrupted
 * write or delete has left and the state says is nothing.
 */
import { messageOf } from "../errors.ts";
import type { Entry } from "../raft/types.ts";
import { checkOwner, decodeIdentity, type IdentityRecord } from "./identity.ts";
import type { Kv, KvEntry } from "./kv.ts";
import { identityKey, stateKey } from "./kv_keys.ts";
import type { BlockPlace } from "./kv_log.ts";
import { bytesOf, RecordError } from "./record.ts";
import { LogRecovery } from "./recovery_log.ts";
import { SnapshotRecovery } from "./recovery_snapshot.ts";
import { decodeState, isSetUpMark, type StateRecord } from "./state_record.ts";
import { StorageError } from "./storage_error.ts";
import type { NodeIdentity, SnapshotManifest } from "./store.ts";

/** What a store holds that was set up. */
export interface Recovered {
  readonly kind: "whole";
  readonly identity: IdentityRecord;
  readonly state: StateRecord;
  /** Versionstamp of the state. */
  readonly stamp: string | null;
  readonly entries: readonly Entry[];
  /** Those before the first index, which a snapshot has made useless, included. */
  readonly blocks: BlockPlace[];
  /** The live snapshot, with how many parts each of its chunks has. */
  readonly snapshot: RecoveredSnapshot | undefined;
  /** What interrupted writes and deletes have left. */
  readonly leftovers: readonly Deno.KvKey[];
}

export interface RecoveredSnapshot {
  readonly id: number;
  readonly manifest: SnapshotManifest;
  readonly parts: number[];
}

/** A store that was never set up whole. */
export interface Unset {
  readonly kind: "new";
  /** Versionstamp of the mark of whoever began to set it up, if anybody did. */
  readonly stamp: string | null;
  /** To be deleted before it is set up. */
  readonly leftovers: readonly Deno.KvKey[];
}

/** What the KV at `place` holds. StorageError when it is another node's or cannot be believed. */
export async function recover(
  kv: Kv,
  place: string,
  identity: NodeIdentity,
): Promise<Recovered | Unset> {
  let at = "it";
  try {
    const written = await read(kv, identityKey);
    if (written.versionstamp === null) return await unset(kv);
    at = "its identity";
    const owner = decodeIdentity(place, bytesOf(written.value));
    checkOwner(place, owner, identity);
    at = "its state";
    const stored = await read(kv, stateKey);
    if (stored.versionstamp === null) throw new RecordError("is missing");
    const state = decodeState(bytesOf(stored.value));
    const log = new LogRecovery(state);
    const snapshot = new SnapshotRecovery(state);
    for await (const entry of readAll(kv)) {
      at = Deno.inspect(entry.key);
      take(entry, log, snapshot);
    }
    at = "the log";
    log.finish();
    at = "the snapshot";
    const live = snapshot.finish(log);
    return {
      kind: "whole",
      identity: owner,
      state,
      stamp: stored.versionstamp,
      entries: log.entries,
      blocks: log.blocks,
      snapshot: live,
      leftovers: [...log.leftovers, ...snapshot.leftovers],
    };
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    throw corrupt(place, `${at} ${error.message}`, error);
  }
}

/** A store that cannot be believed. */
export function corrupt(
  place: string,
  what: string,
  cause?: unknown,
): StorageError {
  return new StorageError(
    "corrupt",
    `Cannot use ${place}: ${what}; remove it and let the node join again under a new node id`,
    cause,
  );
}

function take(
  entry: KvEntry,
  log: LogRecovery,
  snapshot: SnapshotRecovery,
): void {
  const [room, ...path] = entry.key;
  const numbers = path.every((part) => typeof part === "number");
  if (room === "l" && numbers) return log.take(entry, path);
  if (room === "s" && numbers) return snapshot.take(entry, path);
  if (room !== "m" || (path[0] !== "id" && path[0] !== "hs")) {
    throw new RecordError("is no key of a store");
  }
}

/** A store that has no identity: nothing is there, or what an interrupted set-up has left. */
async function unset(kv: Kv): Promise<Unset> {
  const { value, versionstamp: stamp } = await read(kv, stateKey);
  const leftovers: Deno.KvKey[] = [];
  for await (const { key } of readAll(kv)) {
    if (!isStateKey(key)) leftovers.push(key);
  }
  const begun = stamp !== null && isSetUpMark(bytesOf(value));
  if (!begun && (stamp !== null || leftovers.length > 0)) {
    throw new RecordError("has lost its identity");
  }
  return { kind: "new", stamp, leftovers };
}

function isStateKey(key: Deno.KvKey): boolean {
  return key.length === stateKey.length &&
    key.every((part, at) => part === stateKey[at]);
}

async function read(kv: Kv, key: Deno.KvKey): Promise<KvEntry> {
  try {
    return await kv.get(key);
  } catch (error) {
    throw unreadable(error);
  }
}

async function* readAll(kv: Kv): AsyncIterable<KvEntry> {
  try {
    yield* kv.list({ prefix: [] });
  } catch (error) {
    throw unreadable(error);
  }
}

function unreadable(error: unknown): RecordError {
  return new RecordError(`cannot be read: ${messageOf(error)}`);
}
