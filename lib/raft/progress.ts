/**
 * What the leader knows of one member, and so what it may send. Probing sends one append and waits;
 * replicating sends optimistically within a window; a member that needs a snapshot gets nothing
 * else. `match < next` always: `match` is what the member has confirmed, `next` what goes next.
 */
import { invariant } from "../invariant.ts";
import type { PeerStatus, ProgressState } from "./types.ts";
import { Inflights } from "./inflights.ts";

/** Bounds of the window of one member. */
export interface WindowLimits {
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
}

/** The leader's view of one member. */
export class Progress {
  state: ProgressState = "probe";
  learner: boolean;
  /** Heard from since the last check of the quorum. */
  recentActive = false;
  #wasActive = false;
  readonly inflights: Inflights;
  #match: number;
  #next: number;
  /** Highest commit index that was sent and will not be cut by the member's log. */
  #sentCommit = 0;
  #pendingSnapshot = 0;
  #paused = false;

  constructor(
    limits: WindowLimits,
    match: number,
    next: number,
    learner: boolean,
  ) {
    invariant(match < next, "a member's match is not below its next index");
    this.inflights = new Inflights(
      limits.maxInflightMessages,
      limits.maxInflightBytes,
    );
    this.#match = match;
    this.#next = next;
    this.learner = learner;
  }

  /** The highest index known to be durable at the member. */
  get match(): number {
    return this.#match;
  }

  /** The index of the next entry to send. */
  get next(): number {
    return this.#next;
  }

  /** Index of the snapshot under way, 0 without one. */
  get pendingSnapshot(): number {
    return this.#pendingSnapshot;
  }

  /** Whether nothing goes to the member now. */
  get paused(): boolean {
    return this.state === "snapshot" || this.#paused;
  }

  /** Sends one append at a time from what is confirmed, or from after the snapshot under way. */
  becomeProbe(): void {
    const sent = this.state === "snapshot" ? this.#pendingSnapshot : 0;
    this.#reset("probe");
    this.#moveNext(Math.max(this.#match, sent) + 1);
  }

  /** Sends in a window from what is confirmed. */
  becomeReplicate(): void {
    this.#reset("replicate");
    this.#next = this.#match + 1;
  }

  /** Sends nothing until the snapshot at `index` is in. */
  becomeSnapshot(index: number): void {
    this.#reset("snapshot");
    this.#pendingSnapshot = index;
    this.#moveNext(index + 1);
    this.#sentCommit = index;
  }

  /** The snapshot did not arrive: probe from what was confirmed before it. */
  snapshotFailed(): void {
    this.#pendingSnapshot = 0;
    this.becomeProbe();
  }

  /** Lets the next append wait for an answer or a heartbeat. */
  pause(): void {
    this.#paused = true;
  }

  /** Lets one append go: the member has answered. */
  resume(): void {
    this.#paused = false;
  }

  /** Notes an append of `count` entries. */
  sentEntries(count: number, bytes: number): void {
    if (this.state === "replicate") {
      if (count > 0) {
        this.#next += count;
        this.inflights.add(this.#next - 1, bytes);
      }
      // An append into a full window is a probe: the next one waits for a sign of life.
      this.#paused = this.inflights.full;
    } else if (count > 0) {
      this.#paused = true;
    }
  }

  /** Notes a commit index that was sent. */
  sentCommit(commit: number): void {
    this.#sentCommit = commit;
  }

  /** Whether sending `commit` could tell the member something new. */
  canBumpCommit(commit: number): boolean {
    return commit > this.#sentCommit && this.#sentCommit < this.#next - 1;
  }

  /** Takes an ack of `index`; false when it is nothing new. */
  maybeUpdate(index: number): boolean {
    if (index <= this.#match) return false;
    this.#match = index;
    this.#next = Math.max(this.#next, index + 1);
    this.#paused = false;
    return true;
  }

  /** Takes the rejection of an append after `rejected`; false when it is out of date. */
  maybeDecrease(rejected: number, hint: number): boolean {
    if (this.state === "replicate") {
      if (rejected <= this.#match) return false;
      this.#moveNext(this.#match + 1);
      return true;
    }
    // While probing one append is under way: only its own rejection counts.
    if (rejected !== this.#next - 1) return false;
    this.#moveNext(Math.max(Math.min(rejected, hint + 1), this.#match + 1));
    this.#paused = false;
    return true;
  }

  /** Whether it was heard from since the last check; what is heard from now on counts for the next. */
  takeActive(): boolean {
    this.#wasActive = this.recentActive;
    this.recentActive = false;
    return this.#wasActive;
  }

  /** The view as operators see it. */
  status(id: number): PeerStatus {
    return {
      id,
      learner: this.learner,
      state: this.state,
      match: this.#match,
      next: this.#next,
      paused: this.paused,
      pendingSnapshot: this.#pendingSnapshot,
      recentActive: this.recentActive || this.#wasActive,
      inflight: this.inflights.count,
      inflightFull: this.inflights.full,
    };
  }

  #reset(state: ProgressState): void {
    this.state = state;
    this.#paused = false;
    this.#pendingSnapshot = 0;
    this.inflights.clear();
  }

  #moveNext(next: number): void {
    invariant(this.#match < next, "a member's next index fell to its match");
    this.#next = next;
    this.#sentCommit = Math.min(this.#sentCommit, next - 1);
  }
}
