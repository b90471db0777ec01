/**
 * The log in Deno KV: which blocks stand there, and how a job becomes commits. Each commit leaves a
 * whole log behind, with the state that tells of it: a job too big for one is first cut (from the
 * end, so that what stays is always a beginning), then appended to, with its hard state in the first
 * commit and its commit index never past what the log holds so far.
 */
import { invariant } from "../invariant.ts";
import { dropBytesMax, dropWritesMax, kvValueBytesMax } from "../limits.ts";
import type { Entry } from "../raft/types.ts";
import { KvBatch } from "./kv_batch.ts";
import { blockKey, blockPartKey, manifestKey, stateKey } from "./kv_keys.ts";
import type { KvLine } from "./kv_line.ts";
import { blockEnd, encodeBlock } from "./log_block.ts";
import type { LogMirror } from "./log_mirror.ts";
import { encodeManifest } from "./manifest.ts";
import { sealOf } from "./record.ts";
import { encodeState, type StateRecord } from "./state_record.ts";
import type { PersistJob, SnapshotManifest } from "./store.ts";

/** Where a block stands. */
export interface BlockPlace {
  readonly first: number;
  readonly last: number;
  /** Values it takes, 1 unless its only entry is large. */
  readonly values: number;
  readonly bytes: number;
  readonly checksum: number;
}

/** A snapshot and its number on the shelf. */
export interface ShelvedSnapshot {
  readonly id: number;
  readonly manifest: SnapshotManifest;
}

/**
 * Writes the log and the state. Everything here is called by the work that has the line's turn, and
 * what it knows is of no use any more once a commit has failed.
 */
export class KvLog {
  readonly #line: KvLine;
  readonly #mirror: LogMirror;
  /** Ascending, without gaps. Those before the first index wait to be dropped. */
  readonly #blocks: BlockPlace[];
  #state: StateRecord;

  constructor(
    line: KvLine,
    mirror: LogMirror,
    state: StateRecord,
    blocks: BlockPlace[],
  ) {
    this.#line = line;
    this.#mirror = mirror;
    this.#state = state;
    this.#blocks = blocks;
  }

  get state(): StateRecord {
    return this.#state;
  }

  /** Writes a job; `snapshot` is the one that it installs. */
  async write(
    job: PersistJob,
    snapshot: ShelvedSnapshot | undefined,
  ): Promise<void> {
    const draft = new Draft(this.#line, { ...this.#state, ...job.hardState });
    const { entries } = job;
    const cut = snapshot?.manifest.index ??
      (entries.length > 0 ? entries[0]!.index - 1 : undefined);
    if (cut !== undefined) await this.#cutAfter(cut, draft);
    if (snapshot) draft.switchTo(snapshot, snapshot.manifest.index + 1);
    await append(entries, this.#blocks, draft);
    this.#state = await draft.commit();
  }

  /** Makes the state machine's own snapshot the live one; the log begins at `firstIndex`. */
  async saved(snapshot: ShelvedSnapshot, firstIndex: number): Promise<void> {
    const draft = new Draft(this.#line, this.#state);
    draft.switchTo(
      snapshot,
      firstIndex,
      this.#mirror.view.term(firstIndex - 1),
    );
    this.#state = await draft.commit();
  }

  /** Deletes some of the blocks before the first index; false when there were none. */
  async dropSome(): Promise<boolean> {
    const batch = new KvBatch();
    const blocks = this.#blocks;
    let bytes = 0;
    let dropped = 0;
    for (const block of blocks) {
      if (block.last >= this.#state.firstIndex) break;
      bytes += block.bytes;
      if (
        dropped > 0 &&
        (batch.writes.length + block.values > dropWritesMax ||
          bytes > dropBytesMax)
      ) break;
      deleteBlock(block, batch);
      dropped++;
    }
    if (dropped === 0) return false;
    await this.#line.commit(batch);
    blocks.splice(0, dropped);
    return true;
  }

  /** Removes the entries after `index`. */
  async #cutAfter(index: number, draft: Draft): Promise<void> {
    const blocks = this.#blocks;
    for (let block = blocks.at(-1); block; block = blocks.at(-1)) {
      if (block.first <= index) break;
      await draft.room(block.values, 0);
      deleteBlock(block, draft.batch);
      blocks.pop();
      draft.endAt(block.first - 1, blocks.at(-1));
    }
    const split = blocks.at(-1);
    if (split === undefined || split.last <= index) return;
    // Only a block of several entries can be split, and such a block takes one value.
    invariant(split.values === 1, "an entry is split");
    blocks.pop();
    const from = Math.max(split.first, this.#mirror.view.firstIndex());
    await draft.room(2, kvValueBytesMax);
    if (from !== split.first) deleteBlock(split, draft.batch);
    await append(this.#mirror.entries(from, index + 1), blocks, draft);
    draft.endAt(index, blocks.at(-1));
  }
}

/** A state on its way to the disk, with the writes that make it true. */
class Draft {
  readonly #line: KvLine;
  #state: StateRecord;
  batch = new KvBatch();

  constructor(line: KvLine, state: StateRecord) {
    this.#line = line;
    this.#state = state;
  }

  /** The log ends with `lastIndex`, in `block`. */
  endAt(lastIndex: number, block: BlockPlace | undefined): void {
    const lastBlock = block?.checksum ?? 0;
    this.#state = { ...this.#state, lastIndex, lastBlock };
  }

  switchTo(
    { id, manifest }: ShelvedSnapshot,
    firstIndex: number,
    baseTerm = manifest.term,
  ): void {
    this.batch.set(manifestKey(id), encodeManifest(manifest));
    this.#state = {
      ...this.#state,
      firstIndex,
      baseTerm,
      snapshotId: id,
      lastIndex: Math.max(this.#state.lastIndex, firstIndex - 1),
      commit: Math.max(this.#state.commit, manifest.index),
    };
  }

  /** Makes room for writes: what is there goes to the disk when they do not fit beside it. */
  async room(writes: number, bytes: number): Promise<void> {
    if (!this.batch.fits(writes, bytes)) await this.commit();
  }

  async commit(): Promise<StateRecord> {
    const state = this.#state;
    const commit = Math.min(state.commit, state.lastIndex);
    const durable = { ...state, commit };
    this.batch.set(stateKey, encodeState(durable));
    await this.#line.commit(this.batch);
    this.batch = new KvBatch();
    return durable;
  }
}

/** Adds the entries as blocks. */
async function append(
  entries: readonly Entry[],
  blocks: BlockPlace[],
  draft: Draft,
): Promise<void> {
  for (let start = 0; start < entries.length;) {
    const end = blockEnd(entries, start);
    const first = entries[start]!.index;
    const last = entries[end - 1]!.index;
    const before = blocks.at(-1)?.checksum ?? 0;
    const sealed = encodeBlock(entries, start, end, before);
    const bytes = sealed.length;
    const values = Math.max(1, Math.ceil(bytes / kvValueBytesMax));
    // The first value goes last: without it the others are nothing.
    for (let part = values - 1; part >= 0; part--) {
      const value = sealed.subarray(
        part * kvValueBytesMax,
        (part + 1) * kvValueBytesMax,
      );
      await draft.room(1, value.length);
      draft.batch.set(
        part === 0 ? blockKey(first) : blockPartKey(first, part),
        value,
      );
    }
    const block = { first, last, values, bytes, checksum: sealOf(sealed) };
    blocks.push(block);
    draft.endAt(last, block);
    start = end;
  }
}

function deleteBlock({ first, values }: BlockPlace, batch: KvBatch): void {
  batch.delete(blockKey(first));
  for (let part = 1; part < values; part++) {
    batch.delete(blockPartKey(first, part));
  }
}
