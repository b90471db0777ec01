/**
 * Keeps the leases of the cluster. The leader has their deadlines in memory and proposes what follows
 * from one that passed; every other node gathers what it heard and tells the leader in one call, which
 * is repeated when the lead moves meanwhile. No heartbeat is a log entry. A new leader knows no
 * deadlines, so it renews every lease once.
 */
import type { Clock } from "../clock.ts";
import { asConveyorError, Code, ConveyorError } from "../errors.ts";
import {
  leaseRenewalsMax,
  leaseRenewalsWaitingMax,
  leaseRenewalsWaitMs,
  leaseSweepMs,
} from "../limits.ts";
import { log } from "../log.ts";
import type { MessageInit } from "../../proto/codec.ts";
import type { Command, LeaseRef } from "../../proto/messages/state.ts";
import { LeaseTable } from "../registry/lease.ts";
import type { Scheduler } from "../scheduler.ts";
import type { StateEvent } from "../state/types.ts";
import { LeaseSweeper } from "./lease_sweeper.ts";
import type { Member } from "./members.ts";
import { notLeader } from "./not_leader.ts";
import type { ReplicatedState } from "./replicated_state.ts";

/** What a heartbeat did for the lease. */
export type LeaseRenewal =
  | { readonly kind: "renewed"; readonly lastsMs: number }
  | { readonly kind: "replaced" | "unknown" };

/** The way to the leader's table. */
export interface LeaseLeaderPort {
  renewLeases(
    leader: Member,
    leases: readonly LeaseRef[],
    signal: AbortSignal,
  ): Promise<readonly LeaseRenewal[]>;
}

interface Waiting {
  readonly lease: LeaseRef;
  readonly resolve: (renewal: LeaseRenewal) => void;
  readonly reject: (reason: Error) => void;
}

/** What a node has while it leads and has seen the state as the leader before it left it. */
interface Leadership {
  readonly table: LeaseTable;
  readonly sweeper: LeaseSweeper;
}

/** The leases, as one node keeps them. */
export class LeaseKeeper {
  readonly #replicated: ReplicatedState;
  readonly #leader: LeaseLeaderPort;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #closing = new AbortController();
  #leadership: Leadership | undefined;
  #waiting: Waiting[] = [];
  /** Those that wait and those that the leader is being told. */
  #unanswered = 0;
  #cancelFlush = (): void => {};
  #running: Promise<void> | undefined;

  constructor(
    replicated: ReplicatedState,
    leader: LeaseLeaderPort,
    clock: Clock,
    scheduler: Scheduler,
  ) {
    this.#replicated = replicated;
    this.#leader = leader;
    this.#clock = clock;
    this.#scheduler = scheduler;
  }

  /** Keeps leases from now on. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Notes that a holder was heard of; where this node leads, at once. */
  renew(lease: LeaseRef): LeaseRenewal | Promise<LeaseRenewal> {
    if (this.#leadership) return this.#renewHere(this.#leadership, lease);
    if (this.#closing.signal.aborted) return Promise.reject(closing());
    if (this.#unanswered >= leaseRenewalsWaitingMax) {
      return Promise.reject(
        new ConveyorError(
          Code.ResourceExhausted,
          `Cannot renew the lease of "${lease.id}": ${leaseRenewalsWaitingMax} wait on this node already`,
        ),
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<LeaseRenewal>();
    if (this.#waiting.length === 0) {
      this.#cancelFlush = this.#scheduler.after(
        leaseRenewalsWaitMs,
        () => void this.#flush(),
      );
    }
    this.#unanswered++;
    this.#waiting.push({ lease, resolve, reject });
    return promise;
  }

  /** As `renew`, for leases that another node gathered. Unavailable unless this node leads. */
  renewAll(leases: readonly LeaseRef[]): readonly LeaseRenewal[] {
    const leadership = this.#leadership;
    if (!leadership) throw notLeader(this.#replicated.metadata.leader);
    return leases.map((lease) => this.#renewHere(leadership, lease));
  }

  /** When a holder was last heard of, ms by the wall clock; undefined when this node cannot say. */
  heardAtMs(lease: Pick<LeaseRef, "kind" | "id">): number | undefined {
    const heardMs = this.#leadership?.table.heardMs(lease);
    if (heardMs === undefined) return undefined;
    return this.#clock.nowMs() - (this.#clock.monotonicMs() - heardMs);
  }

  /** Stops; renewals that wait are refused. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#cancelFlush();
    for (const { reject } of this.#waiting.splice(0)) reject(closing());
    await this.#running;
  }

  #renewHere(
    { table, sweeper }: Leadership,
    lease: LeaseRef,
  ): LeaseRenewal {
    const nowMs = this.#clock.monotonicMs();
    const renewal = table.renew(lease, nowMs);
    switch (renewal.kind) {
      case "late":
        sweeper.revive(lease);
        return { kind: "renewed", lastsMs: renewal.deadlineMs - nowMs };
      case "renewed":
        return { kind: "renewed", lastsMs: renewal.deadlineMs - nowMs };
      default:
        return renewal;
    }
  }

  /** Tells the leader what was heard here. */
  async #flush(): Promise<void> {
    const waiting = this.#waiting.splice(0, leaseRenewalsMax);
    if (waiting.length === 0) return;
    if (this.#waiting.length > 0) {
      this.#scheduler.soon(() => void this.#flush());
    }
    const leases = waiting.map(({ lease }) => lease);
    try {
      const renewals = await this.#replicated.metadata.atLeader(
        // The lead may have come here meanwhile.
        (leader, signal) =>
          leader === undefined
            ? Promise.resolve().then(() => this.renewAll(leases))
            : this.#leader.renewLeases(leader, leases, signal),
      );
      waiting.forEach(({ resolve }, at) => resolve(renewals[at]!));
    } catch (error) {
      for (const { reject } of waiting) reject(error as Error);
    } finally {
      this.#unanswered -= waiting.length;
    }
  }

  /** From one leadership of this node to the next. */
  async #run(): Promise<void> {
    const { metadata } = this.#replicated;
    const { signal } = this.#closing;
    while (!signal.aborted) {
      try {
        if (metadata.role.role === "leader") await this.#lead(signal);
        else await metadata.roleChange(signal);
      } catch (error) {
        if (signal.aborted) return;
        // The state was brought back from a backup: its leases are read anew.
        if (asConveyorError(error).code === Code.Aborted) continue;
        log.warn("Cannot keep leases for now", { error });
        await this.#pause(signal);
      }
    }
  }

  async #lead(closing: AbortSignal): Promise<void> {
    const { metadata, state } = this.#replicated;
    const over = new AbortController();
    const signal = AbortSignal.any([closing, over.signal]);
    await metadata.read({ signal });
    const table = new LeaseTable();
    table.reset(state.leases(), this.#clock.monotonicMs());
    const sweeper = new LeaseSweeper(
      table,
      (action, command) => this.#propose(action, command),
      this.#clock,
      this.#scheduler,
    );
    this.#leadership = { table, sweeper };
    const following = this.#follow(table, metadata.appliedIndex, signal);
    try {
      while (metadata.role.role === "leader" && !closing.aborted) {
        await Promise.race([metadata.roleChange(signal), following]);
      }
    } finally {
      this.#leadership = undefined;
      sweeper.close();
      over.abort();
      await following.catch(() => {});
    }
  }

  async #follow(
    table: LeaseTable,
    from: number,
    signal: AbortSignal,
  ): Promise<void> {
    const { metadata } = this.#replicated;
    for await (const { event } of metadata.watch(from, signal, isLeaseEvent)) {
      if (isLeaseEvent(event)) table.follow(event, this.#clock.monotonicMs());
    }
  }

  async #propose(
    action: string,
    command: MessageInit<Command>,
  ): Promise<void> {
    try {
      await this.#replicated.change(action, command, this.#closing.signal);
    } catch (error) {
      const expected = error instanceof ConveyorError &&
        (error.code === Code.Unavailable || error.code === Code.Canceled);
      if (!expected) log.warn(`Cannot ${action}`, { error });
    }
  }

  async #pause(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#scheduler.after(leaseSweepMs, resolve);
    signal.addEventListener("abort", () => resolve(), { once: true });
    await promise;
    cancel();
  }
}

function closing(): ConveyorError {
  return new ConveyorError(
    Code.Unavailable,
    "Cannot renew leases: the node closes",
  );
}

function isLeaseEvent(
  event: StateEvent,
): event is Extract<StateEvent, { lease: LeaseRef }> {
  return "lease" in event;
}
