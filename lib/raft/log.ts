/**
 * The log as the core sees it: what is durable (storage) and what is on its way there (unstable)
 * as one sequence, with three marks on it. `applied <= applying <= committed <= lastIndex`, and
 * none of the marks ever goes back; a violation is a bug and stops the node.
 */
import { invariant } from "../invariant.ts";
import type { Entry, LogPosition, Snapshot, StorageView } from "./types.ts";
import { EntryCopier } from "./entry_copy.ts";
import { entriesBytes, payloadBytes } from "./entry_size.ts";
import { noEntries } from "./message.ts";
import { Unstable } from "./unstable.ts";

/** One node's log. */
export class RaftLog {
  readonly unstable: Unstable;
  readonly copier = new EntryCopier();
  readonly #storage: StorageView;
  readonly #maxApplyingBytes: number;
  #committed: number;
  #applying: number;
  #applied: number;
  /** Batches given out to be applied, oldest first, and their bytes. */
  #batches: (readonly Entry[])[] = [];
  #applyingBytes = 0;
  #applyingPaused = false;

  constructor(storage: StorageView, maxApplyingBytes: number) {
    this.#storage = storage;
    this.#maxApplyingBytes = maxApplyingBytes;
    this.unstable = new Unstable(storage.lastIndex() + 1);
    this.#committed = storage.firstIndex() - 1;
    this.#applying = this.#committed;
    this.#applied = this.#committed;
  }

  get committed(): number {
    return this.#committed;
  }

  get applied(): number {
    return this.#applied;
  }

  /** Index of the last entry in storage. */
  get durableIndex(): number {
    return this.#storage.lastIndex();
  }

  firstIndex(): number {
    const { snapshot } = this.unstable;
    return snapshot ? snapshot.index + 1 : this.#storage.firstIndex();
  }

  lastIndex(): number {
    return this.unstable.lastIndex ?? this.#storage.lastIndex();
  }

  last(): LogPosition {
    const index = this.lastIndex();
    const term = this.term(index);
    invariant(term !== undefined, "the last entry of the log has no term");
    return { index, term };
  }

  /** The term at `index`; undefined when it is compacted or not yet written. */
  term(index: number): number | undefined {
    const term = this.unstable.term(index);
    if (term !== undefined) return term;
    if (index < this.firstIndex() - 1 || index > this.lastIndex()) {
      return undefined;
    }
    return this.#storage.term(index);
  }

  /** Whether the entry at `index` is of `term`, so that both logs agree up to it. */
  matches(index: number, term: number): boolean {
    return this.term(index) === term;
  }

  /** Whether a log that ends at `other` holds at least what this one holds. */
  isUpToDate(other: LogPosition): boolean {
    const last = this.last();
    return other.term > last.term ||
      (other.term === last.term && other.index >= last.index);
  }

  /** Entries from `index` on within `maxBytes`; undefined when they are compacted. */
  entriesFrom(index: number, maxBytes: number): readonly Entry[] | undefined {
    const end = this.lastIndex() + 1;
    if (index >= end) return noEntries;
    if (index < this.firstIndex()) return undefined;
    return this.slice(index, end, maxBytes);
  }

  /** Entries from `lo` to before `hi`, all of which exist: one at least, then within `maxBytes`. */
  slice(lo: number, hi: number, maxBytes: number): readonly Entry[] {
    const { offset } = this.unstable;
    if (lo >= offset) return this.unstable.slice(lo, hi, maxBytes);
    const end = Math.min(hi, offset);
    const durable = this.#storage.entries(lo, end, maxBytes);
    if (hi <= offset || durable.length < end - lo) return durable;
    const left = maxBytes - entriesBytes(durable);
    const rest = this.unstable.slice(offset, hi, left);
    // One entry goes whatever its size, but it went already.
    return entriesBytes(rest) <= left ? durable.concat(rest) : durable;
  }

  /** Adds what a proposer gave to the leader. */
  append(entries: readonly Entry[]): void {
    invariant(
      entries[0]!.index > this.lastIndex(),
      "a leader would replace entries of its own log",
    );
    this.unstable.truncateAndAppend(entries);
  }

  /**
   * Takes over a leader's entries after `previous`, if the logs agree there: index of the last of
   * them, or undefined. Only from the first entry that differs on: an append that comes late must
   * not cut off what a later one has added.
   */
  maybeAppend(
    previous: LogPosition,
    entries: readonly Entry[],
    leaderCommit: number,
  ): number | undefined {
    if (!this.matches(previous.index, previous.term)) return undefined;
    const lastNew = previous.index + entries.length;
    const at = entries.findIndex(({ index, term }) =>
      !this.matches(index, term)
    );
    if (at >= 0) {
      invariant(
        entries[at]!.index > this.#committed,
        "a leader's entry conflicts with a committed one",
      );
      this.unstable.truncateAndAppend(this.copier.copy(entries, at));
    }
    // The leader may have committed past what this append proves to be equal in both logs.
    this.commitTo(Math.min(leaderCommit, lastNew));
    return lastNew;
  }

  /**
   * The highest position at or before `index` whose term is not above `term`: where two logs can
   * agree at best. Its term is 0 when it is not known.
   */
  findConflict(index: number, term: number): LogPosition {
    for (let at = index; at > 0; at--) {
      const own = this.term(at);
      if (own === undefined) return { index: at, term: 0 };
      if (own <= term) return { index: at, term: own };
    }
    return { index: 0, term: 0 };
  }

  commitTo(index: number): void {
    if (index <= this.#committed) return;
    invariant(
      index <= this.lastIndex(),
      "the commit index is past the end of the log",
    );
    this.#committed = index;
  }

  /** Commits up to `index` if the entry there is of `term`: older terms commit only with it. */
  maybeCommit(index: number, term: number): boolean {
    if (index <= this.#committed || this.term(index) !== term) return false;
    this.commitTo(index);
    return true;
  }

  /** Whether committed entries wait to be given out. */
  hasNextCommitted(allowUnstable: boolean): boolean {
    return !this.#applyingPaused && this.unstable.snapshot === undefined &&
      this.#applying < this.#appliable(allowUnstable);
  }

  /** Committed entries to apply next, within the bound of what is under way. */
  nextCommitted(allowUnstable: boolean): readonly Entry[] {
    if (!this.hasNextCommitted(allowUnstable)) return noEntries;
    invariant(
      this.#applied >= this.firstIndex() - 1,
      "entries were compacted before they were applied",
    );
    return this.slice(
      this.#applying + 1,
      this.#appliable(allowUnstable) + 1,
      this.#maxApplyingBytes - this.#applyingBytes,
    );
  }

  /** Notes that `entries` were given out to be applied. */
  acceptCommitted(entries: readonly Entry[], allowUnstable: boolean): void {
    if (entries.length === 0) return;
    this.#batches.push(entries);
    this.#applying = entries[entries.length - 1]!.index;
    this.#applyingBytes += entriesBytes(entries);
    this.#applyingPaused = this.#applyingBytes >= this.#maxApplyingBytes ||
      this.#applying < this.#appliable(allowUnstable);
  }

  /** Notes that the state machine holds all up to `index`; the bytes their proposers gave. */
  appliedTo(index: number): number {
    invariant(
      index <= this.#committed,
      "entries were applied before they were committed",
    );
    if (index <= this.#applied) return 0;
    this.#applied = index;
    this.#applying = Math.max(this.#applying, index);
    const payload = this.#takeBatches(index);
    this.#applyingPaused = this.#applyingBytes >= this.#maxApplyingBytes;
    return payload;
  }

  /** Entries up to `index`, the one there of `term`, are durable. */
  stableTo(index: number, term: number): void {
    if (!this.unstable.stableTo(index, term)) return;
    invariant(
      index <= this.#storage.lastIndex(),
      "entries were reported durable that storage does not have",
    );
  }

  /** The newest snapshot to send, or undefined when there is none right now. */
  snapshot(): Snapshot | undefined {
    return this.unstable.snapshot ?? this.#storage.snapshot();
  }

  /** Starts again from a snapshot. */
  restore(snapshot: Snapshot): void {
    invariant(
      snapshot.index > this.#committed,
      "a snapshot would undo commits",
    );
    this.#committed = snapshot.index;
    this.unstable.restore(snapshot);
  }

  #appliable(allowUnstable: boolean): number {
    return allowUnstable
      ? this.#committed
      : Math.min(this.#committed, this.unstable.offset - 1);
  }

  /** Takes from the batches under way what ends at or before `index`; the bytes of the data. */
  #takeBatches(index: number): number {
    let payload = 0;
    while (this.#batches.length > 0) {
      const batch = this.#batches[0]!;
      const done = index + 1 - batch[0]!.index;
      if (done <= 0) break;
      const whole = done >= batch.length;
      const taken = whole ? batch : batch.slice(0, done);
      if (whole) this.#batches.shift();
      else this.#batches[0] = batch.slice(done);
      payload += payloadBytes(taken);
      this.#applyingBytes -= entriesBytes(taken);
    }
    return payload;
  }
}
