/**
 * Proposes what follows from leases that ran out, or were heard of again, while this node leads. One
 * command of each kind is under way at a time, so that a slow log is not filled with repetitions; what
 * is lost with the lead is due again with the next leader. Time that the process slept through runs
 * no lease out: the heartbeats of that time are still to be read.
 */
import type { Clock } from "../clock.ts";
import { leaseSweepMax, leaseSweepMs } from "../limits.ts";
import type { MessageInit } from "../../proto/codec.ts";
import type { Command, LeaseRef } from "../../proto/messages/state.ts";
import type { LeaseTable } from "../registry/lease.ts";
import type { Scheduler } from "../scheduler.ts";

/** Has a command applied; never rejects. */
export type LeaseProposal = (
  action: string,
  command: MessageInit<Command>,
) => Promise<void>;

/** The sweeps of one leadership. */
export class LeaseSweeper {
  readonly #table: LeaseTable;
  readonly #propose: LeaseProposal;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #underWay: Set<string> = new Set();
  /** Heard of after the state had them as run out, by their id. */
  readonly #late: Map<string, LeaseRef> = new Map();
  #sweptMs: number;
  #cancel: () => void;
  #closed = false;

  /** Sweeps from now on. */
  constructor(
    table: LeaseTable,
    propose: LeaseProposal,
    clock: Clock,
    scheduler: Scheduler,
  ) {
    this.#table = table;
    this.#propose = propose;
    this.#clock = clock;
    this.#scheduler = scheduler;
    this.#sweptMs = clock.monotonicMs();
    this.#cancel = this.#sweepLater();
  }

  /** Says that the state has a lease as run out although its holder was heard of. */
  revive(lease: LeaseRef): void {
    if (this.#late.size === 0) {
      this.#scheduler.soon(() => this.#reviveLate());
    }
    this.#late.set(`${lease.kind}/${lease.id}`, lease);
  }

  /** Stops. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#cancel();
  }

  #sweepLater(): () => void {
    return this.#scheduler.after(leaseSweepMs, () => {
      this.#sweep();
      this.#cancel = this.#sweepLater();
    });
  }

  #sweep(): void {
    const nowMs = this.#clock.monotonicMs();
    const sleptMs = nowMs - this.#sweptMs - leaseSweepMs;
    this.#sweptMs = nowMs;
    if (sleptMs > leaseSweepMs) this.#table.postpone(sleptMs);
    this.#reviveLate();
    const { expire, remove } = this.#table.due(nowMs, leaseSweepMax);
    this.#change("expire leases", expire, (leases) => ({
      expireLeases: { leases },
    }));
    this.#change("remove expired leases", remove, (leases) => ({
      removeExpired: { leases },
    }));
  }

  #reviveLate(): void {
    if (this.#underWay.has("revive leases")) return;
    const late = [...this.#late].slice(0, leaseSweepMax);
    for (const [key] of late) this.#late.delete(key);
    const heard = late.map(([, lease]) => lease);
    this.#change("revive leases", heard, (leases) => ({
      reviveLeases: { leases },
    }));
  }

  #change(
    action: string,
    leases: readonly LeaseRef[],
    command: (leases: readonly LeaseRef[]) => MessageInit<Command>,
  ): void {
    if (leases.length === 0 || this.#closed) return;
    if (this.#underWay.has(action)) return;
    this.#underWay.add(action);
    this.#propose(action, command(leases)).finally(() =>
      this.#underWay.delete(action)
    );
  }
}
