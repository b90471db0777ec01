/**
 * What is durable, held in memory: the part of a store that answers the core's reads without
 * waiting. A store changes it when a write has ended, and never before.
 */
import { invariant } from "../invariant.ts";
import { entriesBytes } from "../raft/entry_size.ts";
import { MemoryStorage } from "../raft/memory_storage.ts";
import type { Entry, HardState, Snapshot, StorageView } from "../raft/types.ts";
import { encodeManifest } from "./manifest.ts";
import type { PersistJob, SnapshotManifest } from "./store.ts";

/** The log, the hard state and the live snapshot's manifest. */
export class LogMirror {
  readonly #storage: MemoryStorage;
  #bytes = 0;

  /** Starts with nothing but, if there is one, a snapshot. */
  constructor(manifest: SnapshotManifest | undefined) {
    this.#storage = new MemoryStorage(manifest && asSnapshot(manifest));
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
    invariant(
      (hardState ?? this.hardState).commit <= last,
      "a commit index is stored that is past the end of the log",
    );
  }

  apply({ hardState, entries, snapshot }: PersistJob): void {
    if (snapshot) this.#install(snapshot);
    if (entries.length > 0) this.#replace(entries);
    if (hardState) this.#storage.setHardState(hardState);
  }

  /** The state machine's own snapshot is live, and the log starts at `firstIndex`. */
  saved(manifest: SnapshotManifest, firstIndex: number): void {
    const dropped = this.entries(this.#firstIndex(), firstIndex);
    this.#bytes -= entriesBytes(dropped);
    const { index, confState } = manifest;
    this.#storage.createSnapshot(index, confState, encodeManifest(manifest));
    this.#storage.compact(firstIndex - 1);
  }

  #firstIndex(): number {
    return this.#storage.firstIndex();
  }

  #install(manifest: SnapshotManifest): void {
    this.#storage.applySnapshot(asSnapshot(manifest));
    this.#bytes = 0;
    const { commit } = this.hardState;
    if (commit >= manifest.index) return;
    this.#storage.setHardState({ ...this.hardState, commit: manifest.index });
  }

  #replace(entries: readonly Entry[]): void {
    const replaced = this.entries(
      entries[0]!.index,
      this.#storage.lastIndex() + 1,
    );
    this.#bytes += entriesBytes(entries) - entriesBytes(replaced);
    this.#storage.append(entries);
  }
}

function asSnapshot(manifest: SnapshotManifest): Snapshot {
  const { index, term, confState } = manifest;
  return { index, term, confState, data: encodeManifest(manifest) };
}
