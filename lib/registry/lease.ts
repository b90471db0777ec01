/**
 * Leases in the leader's memory. A heartbeat moves a deadline here and nowhere else; only what
 * follows from a deadline that passed (the holder is unhealthy, and gone one time-to-live later)
 * goes through the log. A new leader knows no deadlines: it renews all leases once.
 *
 * The table follows the state by its lease events, and says what is due; it changes nothing itself.
 */
import type { LeaseRef } from "../../proto/messages/state.ts";

/** What became of a lease in the state. */
export type LeaseEvent =
  | {
    readonly kind: "leaseStarted";
    readonly lease: LeaseRef;
    readonly ttlMs: number;
  }
  | {
    readonly kind: "leaseExpired" | "leaseRevived" | "leaseEnded";
    readonly lease: LeaseRef;
  };

/** A lease as the state has it. */
export interface HeldLease {
  readonly lease: LeaseRef;
  readonly ttlMs: number;
  /** Whether the state has it as run out. */
  readonly expired: boolean;
}

/** What a heartbeat did. */
export type Renewal =
  /** The lease lasts until `deadlineMs`. */
  | { readonly kind: "renewed"; readonly deadlineMs: number }
  /** The same, but the state has it as run out: ReviveLeases is to be proposed. */
  | { readonly kind: "late"; readonly deadlineMs: number }
  /** Another registration holds the id. */
  | { readonly kind: "replaced" }
  /** Nothing holds the id: it must be registered again. */
  | { readonly kind: "unknown" };

/** What is to be proposed because deadlines passed. */
export interface DueLeases {
  readonly expire: readonly LeaseRef[];
  readonly remove: readonly LeaseRef[];
}

interface Entry {
  lease: LeaseRef;
  ttlMs: number;
  expired: boolean;
  deadlineMs: number;
  heardMs: number | undefined;
}

/** The leases, with their deadlines by the leader's monotonic clock. */
export class LeaseTable {
  readonly #entries: Map<string, Entry> = new Map();
  /** Nothing is due before: heartbeats only move deadlines on, so that there is seldom a need to look. */
  #dueFromMs = -Infinity;

  get size(): number {
    return this.#entries.size;
  }

  /** Starts over from what the state has: every lease is as if renewed at `nowMs`. */
  reset(held: Iterable<HeldLease>, nowMs: number): void {
    this.#entries.clear();
    this.#dueFromMs = -Infinity;
    for (const { lease, ttlMs, expired } of held) {
      // One that has run out stays so, and is due to go one time-to-live from now.
      const deadlineMs = expired ? nowMs : nowMs + ttlMs;
      const heardMs = undefined;
      this.#entries.set(keyOf(lease), {
        lease,
        ttlMs,
        expired,
        deadlineMs,
        heardMs,
      });
    }
  }

  /** Follows the state. */
  follow(event: LeaseEvent, nowMs: number): void {
    const { kind, lease } = event;
    // Another time decides about a lease from here on, and may come earlier.
    this.#dueFromMs = Math.min(this.#dueFromMs, nowMs);
    if (kind === "leaseStarted") {
      this.#entries.set(keyOf(lease), {
        lease,
        ttlMs: event.ttlMs,
        expired: false,
        deadlineMs: nowMs + event.ttlMs,
        heardMs: nowMs,
      });
      return;
    }
    const entry = this.#entries.get(keyOf(lease));
    if (entry?.lease.registrationId !== lease.registrationId) return;
    if (kind === "leaseEnded") this.#entries.delete(keyOf(lease));
    else entry.expired = kind === "leaseExpired";
  }

  /** A heartbeat of that registration came in. */
  renew(lease: LeaseRef, nowMs: number): Renewal {
    const entry = this.#entries.get(keyOf(lease));
    if (!entry) return { kind: "unknown" };
    if (entry.lease.registrationId !== lease.registrationId) {
      return { kind: "replaced" };
    }
    entry.heardMs = nowMs;
    entry.deadlineMs = nowMs + entry.ttlMs;
    return {
      kind: entry.expired ? "late" : "renewed",
      deadlineMs: entry.deadlineMs,
    };
  }

  /** Moves every deadline: nobody could be heard of for so long. */
  postpone(ms: number): void {
    for (const entry of this.#entries.values()) entry.deadlineMs += ms;
  }

  /** When it was last heard of; undefined: not since this node leads, or not at all. */
  heardMs(lease: Pick<LeaseRef, "kind" | "id">): number | undefined {
    return this.#entries.get(keyOf(lease))?.heardMs;
  }

  /** At most `max` leases whose deadline has passed; the same again until the state says so. */
  due(nowMs: number, max: number): DueLeases {
    const expire: LeaseRef[] = [];
    const remove: LeaseRef[] = [];
    if (nowMs < this.#dueFromMs) return { expire, remove };
    let dueFromMs = Infinity;
    for (
      const { lease, ttlMs, expired, deadlineMs } of this.#entries.values()
    ) {
      const dueMs = expired ? deadlineMs + ttlMs : deadlineMs;
      dueFromMs = Math.min(dueFromMs, dueMs);
      if (dueMs > nowMs) continue;
      (expired ? remove : expire).push(lease);
      if (expire.length + remove.length >= max) break;
    }
    this.#dueFromMs = dueFromMs;
    return { expire, remove };
  }
}

function keyOf({ kind, id }: Pick<LeaseRef, "kind" | "id">): string {
  return `${kind}/${id}`;
}
