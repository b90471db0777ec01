/**
 * The part of the log that is not known to be durable: entries at the end, and a snapshot that is
 * being installed. What was given out to be stored is "in progress" until its notice comes; an
 * entry that is replaced meanwhile stays here, because storage may still see the old one.
 */
import { invariant } from "../invariant.ts";
import type { Entry, Snapshot } from "./types.ts";
import { countWithin } from "./entry_size.ts";

const none: readonly Entry[] = [];

/** Entries and a snapshot on their way to the disk. */
export class Unstable {
  /** Index of the first entry here; all before it are durable or in the snapshot. */
  #offset: number;
  /** Entries before this index were given out. */
  #inProgress: number;
  #entries: Entry[] = [];
  #snapshot: Snapshot | undefined = undefined;
  #snapshotInProgress = false;

  constructor(offset: number) {
    this.#offset = offset;
    this.#inProgress = offset;
  }

  get offset(): number {
    return this.#offset;
  }

  /** Index of the last entry, or of the snapshot; undefined when all is durable. */
  get lastIndex(): number | undefined {
    if (this.#entries.length > 0) {
      return this.#offset + this.#entries.length - 1;
    }
    return this.#snapshot?.index;
  }

  /** The snapshot, whether given out or not. */
  get snapshot(): Snapshot | undefined {
    return this.#snapshot;
  }

  get hasEntries(): boolean {
    return this.#entries.length > 0;
  }

  get hasNext(): boolean {
    return this.#inProgress < this.#offset + this.#entries.length;
  }

  /** The term at `index` where it is known here. */
  term(index: number): number | undefined {
    if (index >= this.#offset) return this.#entries[index - this.#offset]?.term;
    return this.#snapshot?.index === index ? this.#snapshot.term : undefined;
  }

  /** Entries that were not given out yet. */
  nextEntries(): readonly Entry[] {
    if (!this.hasNext) return none;
    return this.#entries.slice(this.#inProgress - this.#offset);
  }

  /** The snapshot, when it was not given out yet. */
  nextSnapshot(): Snapshot | undefined {
    return this.#snapshotInProgress ? undefined : this.#snapshot;
  }

  /** Notes that everything here was given out. */
  acceptInProgress(): void {
    this.#inProgress = this.#offset + this.#entries.length;
    this.#snapshotInProgress = this.#snapshot !== undefined;
  }

  /**
   * Entries up to `index` are durable, if the one there is of `term`. One of another term was
   * replaced since: its successor is still on its way. False when nothing became durable.
   */
  stableTo(index: number, term: number): boolean {
    if (index < this.#offset || this.term(index) !== term) return false;
    const done = index + 1 - this.#offset;
    this.#entries = done === this.#entries.length
      ? []
      : this.#entries.slice(done);
    this.#offset = index + 1;
    this.#inProgress = Math.max(this.#inProgress, this.#offset);
    return true;
  }

  /** The snapshot at `index` is durable; a newer one stays. */
  stableSnapshotTo(index: number): void {
    if (this.#snapshot?.index !== index) return;
    this.#snapshot = undefined;
    this.#snapshotInProgress = false;
  }

  /** Starts again from a snapshot: it replaces every entry. */
  restore(snapshot: Snapshot): void {
    this.#offset = snapshot.index + 1;
    this.#inProgress = this.#offset;
    this.#entries = [];
    this.#snapshot = snapshot;
    this.#snapshotInProgress = false;
  }

  /** Adds entries, in place of those at and after the first one's index. */
  truncateAndAppend(entries: readonly Entry[]): void {
    const from = entries[0]!.index;
    const end = this.#offset + this.#entries.length;
    invariant(from <= end, "entries were appended after a gap");
    if (from < end || from < this.#offset) {
      const kept = Math.max(0, from - this.#offset);
      this.#entries = this.#entries.slice(0, kept);
      this.#offset = Math.min(this.#offset, from);
      this.#inProgress = Math.min(this.#inProgress, from);
    }
    for (const entry of entries) this.#entries.push(entry);
  }

  /** Entries from `lo` to before `hi`, all of which are here: one at least, then within `maxBytes`. */
  slice(lo: number, hi: number, maxBytes: number): readonly Entry[] {
    const start = lo - this.#offset;
    const end = hi - this.#offset;
    const count = countWithin(this.#entries, start, end, maxBytes);
    return this.#entries.slice(start, start + count);
  }
}
