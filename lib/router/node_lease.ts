/**
 * Keeps this node among those that live, which alone pull from sources: it registers, is heard of at
 * the leader in time, and registers anew when it was forgotten. When its word has not come through for
 * as long as its lease lasts it takes itself for given up, since the others then may: it must pull no
 * more before they begin to.
 */
import type { Clock } from "../clock.ts";
import type { LeaseKeeper } from "../consensus/lease_keeper.ts";
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import { within } from "../consensus/within.ts";
import { messageOf } from "../errors.ts";
import { leaseTtlPerHeartbeat, nodeLeaseMs, nodeLeaveMs } from "../limits.ts";
import { log } from "../log.ts";
import { LeaseKind } from "../../proto/messages/state.ts";
import type { Scheduler } from "../scheduler.ts";

/** What the lease is kept with. */
export interface NodeLeaseParts {
  readonly replicated: ReplicatedState;
  readonly leases: Pick<LeaseKeeper, "renew">;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly nodeId: number;
  /** Where its services are reached. */
  readonly address: string;
  /** Told whenever `held` has changed. */
  readonly changed: () => void;
}

/** The lease of one node. */
export class NodeLease {
  readonly #parts: NodeLeaseParts;
  readonly #closing = new AbortController();
  #registrationId = "";
  #heldUntilMs = -Infinity;
  #cancelEnd = (): void => {};
  #running: Promise<void> | undefined;

  constructor(parts: NodeLeaseParts) {
    this.#parts = parts;
  }

  /** Whether the other nodes count with this one. */
  get held(): boolean {
    return this.#parts.clock.monotonicMs() < this.#heldUntilMs;
  }

  /** Registers, and keeps the lease from then on. */
  start(): void {
    this.#running ??= this.#run();
  }

  /** Gives the lease up, so that others need not wait for its end. Idempotent. */
  async close(): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    await this.#running;
    const registrationId = this.#registrationId;
    this.#end();
    if (registrationId === "") return;
    const { replicated, nodeId, scheduler } = this.#parts;
    const late = new AbortController();
    const cancel = scheduler.after(nodeLeaveMs, () => late.abort());
    try {
      await replicated.change(
        "leave the nodes",
        { deregisterNode: { nodeId, registrationId } },
        late.signal,
      );
    } catch {
      // The lease ends by itself.
    } finally {
      cancel();
    }
  }

  async #run(): Promise<void> {
    const { signal } = this.#closing;
    while (!signal.aborted) {
      const sentMs = this.#parts.clock.monotonicMs();
      try {
        if (await this.#hear(signal)) this.#extend(sentMs + nodeLeaseMs);
      } catch (error) {
        if (signal.aborted) return;
        log.debug("Cannot keep the lease of the node for now", {
          reason: messageOf(error),
        });
      }
      await this.#pause(nodeLeaseMs / leaseTtlPerHeartbeat, signal);
    }
  }

  /** Registers, or renews; whether the lease now lasts for its whole time. */
  async #hear(signal: AbortSignal): Promise<boolean> {
    const { replicated, leases, nodeId, address } = this.#parts;
    if (this.#registrationId === "") {
      const registrationId = crypto.randomUUID();
      const node = { nodeId, address, registrationId, leaseTtlMs: nodeLeaseMs };
      await replicated.change(
        "enter the nodes",
        { registerNode: { node } },
        signal,
      );
      this.#registrationId = registrationId;
      return true;
    }
    const id = `${nodeId}`;
    const lease = {
      kind: LeaseKind.Node,
      id,
      registrationId: this.#registrationId,
    };
    const renewal = Promise.resolve(leases.renew(lease));
    const { kind } = await within(renewal, signal);
    if (kind === "renewed") return true;
    // Forgotten meanwhile, or brought back from a backup: enters anew at once.
    this.#registrationId = "";
    this.#end();
    return await this.#hear(signal);
  }

  #extend(untilMs: number): void {
    const { clock, scheduler, changed } = this.#parts;
    const before = this.held;
    this.#heldUntilMs = untilMs;
    this.#cancelEnd();
    this.#cancelEnd = scheduler.after(
      Math.max(0, untilMs - clock.monotonicMs()),
      () => this.#end(),
    );
    if (this.held !== before) changed();
  }

  #end(): void {
    this.#cancelEnd();
    this.#heldUntilMs = -Infinity;
    this.#parts.changed();
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const cancel = this.#parts.scheduler.after(ms, resolve);
    await within(promise, signal).catch(() => {});
    cancel();
  }
}
