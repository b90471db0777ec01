/**
 * What is still to be written, merged: everything that queues while one write is under way goes into
 * the next as a whole, because a commit costs one flush of the disk whatever it holds. What must not
 * leave before its write is durable is kept with it.
 */
import { waitsForPersist } from "../raft/message.ts";
import type {
  Entry,
  HardState,
  Message,
  Ready,
  Snapshot,
} from "../raft/types.ts";

/** One write, and what follows when it is durable. */
export interface Write {
  /** The last of the core's jobs in it. */
  readonly job: number;
  /** False when there is nothing whose loss in a crash would break a promise. */
  readonly needed: boolean;
  readonly hardState: HardState | undefined;
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
  /** Votes and acks that rest on it. */
  readonly held: readonly Message[];
}

/** Jobs of the core that wait for the disk. */
export class PersistQueue {
  #jobs: Ready[] = [];
  /** A commit mark that was not worth a write of its own: it goes with the next one. */
  #hardState: HardState | undefined;

  push(ready: Ready): void {
    this.#jobs.push(ready);
  }

  /** Takes all that waits as one write. */
  take(): Write | undefined {
    const last = this.#jobs.at(-1);
    if (last === undefined) return undefined;
    let entries: Entry[] = [];
    let snapshot: Snapshot | undefined;
    let needed = false;
    const held: Message[] = [];
    for (const ready of this.#jobs) {
      this.#hardState = ready.hardState ?? this.#hardState;
      needed ||= ready.mustSync || ready.snapshot !== undefined;
      if (ready.snapshot !== undefined) {
        snapshot = ready.snapshot;
        // The log starts behind it: what came before has no place any more.
        entries = [];
      }
      replaceFrom(entries, ready.entries);
      for (const message of ready.messages) {
        if (waitsForPersist(message)) held.push(message);
      }
    }
    this.#jobs = [];
    const hardState = needed ? this.#hardState : undefined;
    if (needed) this.#hardState = undefined;
    return { job: last.job, needed, hardState, entries, snapshot, held };
  }
}

/** A later entry replaces every earlier one at or after its index. */
function replaceFrom(entries: Entry[], later: readonly Entry[]): void {
  const [first] = later;
  if (first === undefined) return;
  if (entries[0] !== undefined) {
    entries.length = Math.max(
      0,
      Math.min(entries.length, first.index - entries[0].index),
    );
  }
  for (const entry of later) entries.push(entry);
}
