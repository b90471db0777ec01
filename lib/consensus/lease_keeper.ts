/**
 * Keeps the leases of the cluster. The leader has their deadlines in memory and proposes what follows
 * from one that passed; every other node gathers what it heard and tells the leader in one call. No
 * heartbeat is a log entry. A new leader knows no deadlines, so it renews every lease once.
 */
import type { Clock } from "../clock.ts";
import { Code, ConveyorError } from "../errors.ts";
import {
  leaseRenewalsMax,
  leaseRenewalsWaitMs,
  leaseSweepMax,
  leaseSweepMs,
} from "../limits.ts";
import { log } from "../log.ts";
import type { LeaseRef } from "../../proto/messages/state.ts";
import { LeaseTable } from "../registry/lease.ts";
import type { Scheduler } from "../scheduler.ts";
import type { StateEvent } from "../state/types.ts";
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
  ): Promise<readonly LeaseRenewal[]>;
}

interface Waiting {
  readonly lease: LeaseRef;
  readonly resolve: (renewal: LeaseRenewal) => void;
  readonly reject: (reason: Error) => void;
}

/** The leases, as one node keeps them. */
export class LeaseKeeper {
  readonly #replicated: ReplicatedState;
  readonly #leader: LeaseLeaderPort;
  readonly #clock: Clock;
  readonly #scheduler: Scheduler;
  readonly #closing = new AbortController();
  /** Undefined unless this node leads and has seen the state as the leader before it left it. */
  #table: LeaseTable | undefined;
  #waiting: Waiting[] = [];
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

  /** Notes that a holder was heard of. */
  renew(lease: LeaseRef): Promise<LeaseRenewal> {
    const table = this.#table;
    if (table) return Promise.resolve(this.#renewHere(table, lease));
    const { promise, resolve, reject } = Promise.withResolvers<LeaseRenewal>();
    if (this.#waiting.length === 0) {
      this.#scheduler.after(leaseRenewalsWaitMs, () => void this.#flush());
    }
    this.#waiting.push({ lease, resolve, reject });
    return promise;
  }

  /** As `renew`, for leases that another node gathered. Unavailable unless this node leads. */
  renewAll(leases: readonly LeaseRef[]): readonly LeaseRenewal[] {
    const table = this.#table;
    if (!table) throw notLeader(this.#replicated.metadata.leader);
    return leases.map((lease) => this.#renewHere(table, lease));
  }

  /** When a holder was last heard of, ms by the wall clock; undefined when this node cannot say. */
  heardAtMs(lease: Pick<LeaseRef, "kind" | "id">): number | undefined {
    const heardMs = this.#table?.heardMs(lease);
    if (heardMs === undefined) return undefined;
    return this.#clock.nowMs() - (this.#clock.monotonicMs() - heardMs);
  }

  /** Stops. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.#running;
    await this.#flush();
  }

  #renewHere(table: LeaseTable, lease: LeaseRef): LeaseRenewal {
    const nowMs = this.#clock.monotonicMs();
    const renewal = table.renew(lease, nowMs);
    switch (renewal.kind) {
      case "late":
        this.#propose("revive leases", { reviveLeases: { leases: [lease] } });
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
    try {
      const { leader, role } = this.#replicated.metadata;
      // The lead may have come here meanwhile.
      const leases = waiting.map(({ lease }) => lease);
      if (role.role !== "leader" && leader === undefined) {
        throw notLeader(undefined);
      }
      const renewals = role.role === "leader"
        ? this.renewAll(leases)
        : await this.#leader.renewLeases(leader!, leases);
      waiting.forEach(({ resolve }, at) => resolve(renewals[at]!));
    } catch (error) {
      for (const { reject } of waiting) reject(error as Error);
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
        log.warn("Cannot keep leases for now", { error });
        await new Promise<void>((resolve) =>
          this.#scheduler.after(leaseSweepMs, resolve)
        );
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
    this.#table = table;
    const cancel = this.#sweepLater(table);
    const following = this.#follow(table, metadata.appliedIndex, signal);
    try {
      while (metadata.role.role === "leader" && !closing.aborted) {
        await Promise.race([metadata.roleChange(signal), following]);
      }
    } finally {
      this.#table = undefined;
      cancel();
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
    for await (const { event } of metadata.watch(from, signal)) {
      if (isLeaseEvent(event)) table.follow(event, this.#clock.monotonicMs());
    }
  }

  #sweepLater(table: LeaseTable): () => void {
    let cancel = (): void => {};
    const sweep = (): void => {
      const { expire, remove } = table.due(
        this.#clock.monotonicMs(),
        leaseSweepMax,
      );
      if (expire.length > 0) {
        this.#propose("expire leases", { expireLeases: { leases: expire } });
      }
      if (remove.length > 0) {
        this.#propose("remove expired leases", {
          removeExpired: { leases: remove },
        });
      }
      cancel = this.#scheduler.after(leaseSweepMs, sweep);
    };
    cancel = this.#scheduler.after(leaseSweepMs, sweep);
    return () => cancel();
  }

  /** What is lost with the lead is due again with the next leader. */
  #propose(
    action: string,
    command: Parameters<ReplicatedState["change"]>[1],
  ): void {
    this.#replicated.change(action, command, this.#closing.signal).catch(
      (error) => {
        const expected = error instanceof ConveyorError &&
          (error.code === Code.Unavailable || error.code === Code.Canceled);
        if (!expected) log.warn(`Cannot ${action}`, { error });
      },
    );
  }
}

function isLeaseEvent(
  event: StateEvent,
): event is Extract<StateEvent, { lease: LeaseRef }> {
  return "lease" in event;
}
