/**
 * Storage in memory: what a node needs to run without a disk, in tests and simulations, and the
 * part of a durable store that answers the core's reads without waiting. It keeps exactly what it
 * was given, in one array from the snapshot's index on.
 */
import { invariant } from "../invariant.ts";
import type {
  ConfState,
  Entry,
  HardState,
  InitialState,
  Snapshot,
  StorageView,
} from "./types.ts";
import { countWithin } from "./entry_size.ts";
import { noMembers } from "./membership.ts";
import { noBytes } from "./message.ts";

/** The snapshot of a log that was never compacted. */
export const emptySnapshot: Snapshot = {
  index: 0,
  term: 0,
  confState: noMembers,
  data: noBytes,
};

/** A log, a snapshot and a hard state in memory. */
export class MemoryStorage implements StorageView {
  #hardState: HardState = { term: 0, vote: 0, commit: 0 };
  #snapshot: Snapshot;
  /** Position of the entry before the first one. */
  #base: { readonly index: number; readonly term: number };
  #entries: Entry[] = [];

  /** Starts from `snapshot`: of a new group, the one that holds its first members. */
  constructor(snapshot: Snapshot = emptySnapshot) {
    this.#snapshot = snapshot;
    this.#base = snapshot;
    if (snapshot.index > 0) {
      const { term, index } = snapshot;
      this.#hardState = { term: 0, vote: 0, commit: index };
      invariant(term > 0, "a snapshot that is not empty has a term");
    }
  }

  initialState(): InitialState {
    const { confState, index } = this.#snapshot;
    return { hardState: this.#hardState, confState, applied: index };
  }

  firstIndex(): number {
    return this.#base.index + 1;
  }

  lastIndex(): number {
    return this.#base.index + this.#entries.length;
  }

  term(index: number): number {
    if (index === this.#base.index) return this.#base.term;
    const entry = this.#entries[index - this.#base.index - 1];
    invariant(entry, "a term was asked for that storage does not have");
    return entry.term;
  }

  entries(lo: number, hi: number, maxBytes: number): readonly Entry[] {
    const start = lo - this.firstIndex();
    const end = hi - this.firstIndex();
    invariant(
      start >= 0 && end <= this.#entries.length,
      "entries were asked for that storage does not have",
    );
    const count = countWithin(this.#entries, start, end, maxBytes);
    return this.#entries.slice(start, start + count);
  }

  snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  setHardState(hardState: HardState): void {
    this.#hardState = hardState;
  }

  /** Adds entries in place of those at and after the first one's index. */
  append(entries: readonly Entry[]): void {
    const first = entries[0];
    if (first === undefined) return;
    const kept = first.index - this.firstIndex();
    invariant(
      kept >= 0 && kept <= this.#entries.length,
      "entries were appended after a gap or before the first index",
    );
    if (kept < this.#entries.length) this.#entries.length = kept;
    for (const entry of entries) this.#entries.push(entry);
  }

  /** Replaces the whole log by a snapshot from elsewhere. */
  applySnapshot(snapshot: Snapshot): void {
    invariant(
      snapshot.index > this.#snapshot.index,
      "a snapshot is older than the one in storage",
    );
    this.#snapshot = snapshot;
    this.#base = snapshot;
    this.#entries = [];
  }

  /** Notes the state machine's own snapshot at `index`; the log stays until it is compacted. */
  createSnapshot(index: number, confState: ConfState, data: Uint8Array): void {
    this.#snapshot = { index, term: this.term(index), confState, data };
  }

  /** Drops the entries up to `index`, which the snapshot must hold. */
  compact(index: number): void {
    invariant(
      index <= this.#snapshot.index,
      "entries would be dropped that are in no snapshot",
    );
    if (index <= this.#base.index) return;
    const term = this.term(index);
    this.#entries = this.#entries.slice(index - this.#base.index);
    this.#base = { index, term };
  }
}
