/**
 * Applies what is committed, in order and in slices short enough for heartbeats to stay on time;
 * answers whoever waits for an entry once it is applied; and writes the state as a snapshot when the
 * log behind it has grown long.
 */
import type { Clock } from "../clock.ts";
import { Code, ConveyorError } from "../errors.ts";
import { applySliceMs } from "../limits.ts";
import type { RaftNode } from "../raft/node.ts";
import type { ConfState, Entry, Snapshot } from "../raft/types.ts";
import { StorageError } from "../storage/storage_error.ts";
import type { RaftStore } from "../storage/store.ts";
import type { Proposals } from "./proposals.ts";
import type { Replicated } from "./replicated.ts";
import type { ConsensusSettings } from "./settings.ts";

/** What an applier works with, a part of what its driver is made of. */
export interface ApplierParts<Event> {
  readonly store: RaftStore;
  readonly replicated: Replicated<Event>;
  readonly settings: ConsensusSettings;
  readonly onApplied: (
    index: number,
    events: readonly Event[],
    replaced: boolean,
  ) => void;
  /** Told when the members have changed. */
  readonly onMembers: () => void;
}

/** Entries between two looks at the clock. */
const entriesPerLook = 32;
const noBytes = new Uint8Array(0);

/** The committed entries of one node, on their way into its state. */
export class Applier<Event> {
  readonly #node: RaftNode;
  readonly #parts: ApplierParts<Event>;
  readonly #proposals: Proposals;
  #batches: (readonly Entry[])[] = [];
  /** Place in the first batch. */
  #at = 0;
  #applied: number;
  /** The membership as of `#applied`. */
  #confState: ConfState;
  #saving = false;
  /** Bytes of log that the last snapshot left: only what was added since counts. */
  #logBytesKept = 0;

  constructor(
    node: RaftNode,
    parts: ApplierParts<Event>,
    proposals: Proposals,
  ) {
    this.#node = node;
    this.#parts = parts;
    this.#proposals = proposals;
    const { applied, confState } = parts.store.view.initialState();
    this.#applied = applied;
    this.#confState = confState;
  }

  /** Index up to which the state holds the log. */
  get applied(): number {
    return this.#applied;
  }

  push(entries: readonly Entry[]): void {
    if (entries.length > 0) this.#batches.push(entries);
  }

  /** Applies for a short while; whether there is more. */
  slice(clock: Clock): boolean {
    const untilMs = clock.monotonicMs() + applySliceMs;
    const before = this.#applied;
    while (this.#batches.length > 0) {
      this.#applySome(this.#batches[0]!);
      if (clock.monotonicMs() >= untilMs) break;
    }
    if (this.#applied > before) this.#node.applied(this.#applied);
    return this.#batches.length > 0;
  }

  /** The state is that of `snapshot` now: what was to be applied up to there is in it. */
  restored(snapshot: Snapshot): void {
    this.#batches = [];
    this.#at = 0;
    this.#applied = snapshot.index;
    this.#confState = snapshot.confState;
    const { replicated } = this.#parts;
    this.#proposals.settleApplied(
      snapshot.index,
      (request) => replicated.answerTo(request),
    );
  }

  /** Writes a snapshot in the background if the log is long enough for it. */
  saveSnapshot(fail: (error: unknown) => void): void {
    const { store, settings, replicated } = this.#parts;
    const { view } = store;
    const added = store.logBytes - this.#logBytesKept;
    if (
      this.#saving || added < settings.snapshotLogBytes ||
      this.#applied <= (view.snapshot()?.index ?? 0)
    ) return;
    this.#saving = true;
    const index = this.#applied;
    store.saveSnapshot(
      { index, term: view.term(index), confState: this.#confState },
      replicated.snapshot(),
      this.#tailStart(index),
    ).catch((error) => {
      // A snapshot from the leader came in between, and holds more than this one.
      const overtaken = error instanceof ConveyorError &&
        error.code === Code.Aborted && !(error instanceof StorageError);
      if (!overtaken) throw error;
    }).then(() => {
      this.#logBytesKept = store.logBytes;
      this.#saving = false;
    }).catch(fail);
  }

  /** Where the log is to begin behind a snapshot at `index`: its tail is bounded twice. */
  #tailStart(index: number): number {
    const { store: { view }, settings } = this.#parts;
    const first = Math.max(
      view.firstIndex(),
      index - settings.logTailEntries + 1,
    );
    let start = index + 1;
    let bytes = 0;
    while (start > first) {
      bytes += view.entries(start - 1, start, 0)[0]!.data.length;
      if (bytes > settings.snapshotLogBytes / 2) break;
      start--;
    }
    return start;
  }

  #applySome(batch: readonly Entry[]): void {
    const end = Math.min(batch.length, this.#at + entriesPerLook);
    while (this.#at < end) this.#applyOne(batch[this.#at++]!);
    if (this.#at < batch.length) return;
    this.#batches.shift();
    this.#at = 0;
  }

  #applyOne(entry: Entry): void {
    const { replicated, onApplied, onMembers } = this.#parts;
    const applied = replicated.apply(entry);
    this.#applied = entry.index;
    const { index } = entry;
    switch (applied.kind) {
      case "command":
        this.#proposals.settle(applied.request, {
          index,
          answer: applied.answer,
        });
        onApplied(index, applied.events, applied.replaced);
        return;
      case "membership":
        this.#confState = this.#node.applyConfChange(applied.change);
        onMembers();
        if (applied.request !== undefined) {
          this.#proposals.settle(applied.request, { index, answer: noBytes });
        }
        return;
      case "unreadable":
        throw applied.error;
      case "nothing":
        return;
      default:
        applied satisfies never;
    }
  }
}
