/**
 * What is durable, held in memory: the part of a store that answers the core's reads without
 * waiting. A store changes it when a write has ended, and never before.
 */
import { invariant } from "../invariant.ts";
import { entriesBytes } from "../raft/entry_size.ts";
import { emptySnapshot, MemoryStorage } from "../raft/memory_storage.ts";
import type { Entry, HardState, Snapshot, StorageView } from "../raft/types.ts";
import { encodeManifest } from "./manifest.ts";
import type { StateRecord } from "./state_record.ts";
import type { PersistJob, SnapshotManifest } from "./store.ts";

/** The log, the hard state and the live snapshot's manifest. */
export class LogMirror {
  #storage: MemoryStorage;
  #bytes = 0;

  /** Starts with nothing but, if there is one, a snapshot. */
  constructor(manifest: SnapshotManifest | undefined) {
    this.#storage = new MemoryStorage(manifest && asSnapshot(manifest));
  }

  /** What was read from a disk. */
  static of(
    state: StateRecord,
    manifest: SnapshotManifest | undefined,
    entries: readonly Entry[],
  ): LogMirror {
    const { firstIndex, baseTerm: term, vote, commit } = state;
    const mirror = new LogMirror(undefined);
    if (firstIndex > 1) {
      const base = { ...emptySnapshot, index: firstIndex - 1, term };
      mirror.#storage = new MemoryStorage(base);
    }
    mirror.#replace(entries);
    if (manifest) mirror.saved(manifest, firstIndex);
    mirror.#storage.setHardState({ term: state.term, vote, commit });
    return mirror;
  }

  get view(): StorageView {
    return this.#storage;
  }

  /** Bytes of the entries, as lib/raft counts them. */
  get bytes(): number {
    return this.#bytes;
  }

  get hardState(): HardState {
    return this.#storage.initialState().hardState;
  }

  /** Index of the live snapshot, 0 without one. */
  get snapshotIndex(): number {
    return this.#storage.initialState().applied;
  }

  /** Entries from `lo` to before `hi`, however many bytes. */
  entries(lo: number, hi: number): readonly Entry[] {
    return lo < hi ? this.#storage.entries(lo, hi, Infinity) : [];
  }

  /** What only a bug of the owner can break in a job that follows what is here. */
  check({ hardState, entries, snapshot }: PersistJob): void {
    const base = snapshot?.index ?? this.#storage.lastIndex();
    const first = entries[0]?.index ?? base + 1;
    invariant(
      snapshot === undefined || snapshot.index > this.snapshotIndex,
      "a snapshot is installed that is older than the live one",
    );
    invariant(
      first <= base + 1 && first > (snapshot?.index ?? this.#firstIndex() - 1),
      "entries are stored after a gap or before the first index",
    );
    invariant(
      entries.every(({ index }, place) => index === first + place),
      "entries are stored out of order",
    );
    const last = entries.length > 0 ? first + entries.length - 1 : base;
    const { term, commit } = hardState ?? this.hardState;
    invariant(
      commit <= last,
      "a commit index is stored that is past the end of the log",
    );
    let before = snapshot ? snapshot.term : this.#storage.term(first - 1);
    for (const entry of entries) {
      invariant(
        entry.term >= before && entry.term <= term,
        "an entry is stored whose term fits neither the one before nor the current one",
      );
      before = entry.term;
    }
  }

  apply({ hardState, entries, snapshot }: PersistJob): void {
    if (snapshot) this.#install(snapshot);
    this.#replace(entries);
    if (hardState) this.#storage.setHardState(hardState);
  }

  /** What only a bug of the owner can break in a snapshot of the own state machine. */
  checkSaved(
    { index, term }: Pick<SnapshotManifest, "index" | "term">,
    firstIndex: number,
  ): void {
    // The mark of the commit may still wait for the next write: being applied says as much.
    invariant(
      index <= this.#storage.lastIndex() &&
        term === this.#storage.term(index) && firstIndex <= index + 1,
      "a snapshot is saved that does not fit the log",
    );
  }

  /** The state machine's own snapshot is live, and the log starts at `firstIndex`. */
  saved(manifest: SnapshotManifest, firstIndex: number): void {
    const dropped = this.entries(this.#firstIndex(), firstIndex);
    this.#bytes -= entriesBytes(dropped);
    const { index, confState } = manifest;
    this.#storage.createSnapshot(index, confState, encodeManifest(manifest));
    this.#storage.compact(firstIndex - 1);
    this.#commitTo(index);
  }

  #firstIndex(): number {
    return this.#storage.firstIndex();
  }

  #install(manifest: SnapshotManifest): void {
    this.#storage.applySnapshot(asSnapshot(manifest));
    this.#bytes = 0;
    this.#commitTo(manifest.index);
  }

  /** What a snapshot holds is committed. */
  #commitTo(index: number): void {
    if (this.hardState.commit >= index) return;
    this.#storage.setHardState({ ...this.hardState, commit: index });
  }

  #replace(entries: readonly Entry[]): void {
    const end = this.#storage.lastIndex() + 1;
    const replaced = this.entries(entries[0]?.index ?? end, end);
    this.#bytes += entriesBytes(entries) - entriesBytes(replaced);
    this.#storage.append(entries);
  }
}

function asSnapshot(manifest: SnapshotManifest): Snapshot {
  const { index, term, confState } = manifest;
  return { index, term, confState, data: encodeManifest(manifest) };
}
