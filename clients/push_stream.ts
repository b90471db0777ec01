/**
 * One stream on which a source pushes: sends no more than the router has granted, pauses when it
 * asks for that, and asks for credit when it has none and nothing on the way would bring any.
 */
import { systemClock } from "../lib/clock.ts";
import {
  creditRequestMs,
  pushBatchRecords,
  timeoutMsMax,
} from "../lib/limits.ts";
import { backoffMs, resolveRetryPolicy } from "../lib/delivery/retry.ts";
import { systemRandom } from "../lib/random.ts";
import { CreditPurse } from "./credit_purse.ts";
import type { PushBatch, PushLedger } from "./push_ledger.ts";
import type { PushAnswer, PushWire } from "./push_wire.ts";
import type { Transport } from "./transport.ts";

const policy = resolveRetryPolicy();

/** A push stream. */
export class PushStream {
  readonly #transport: Transport;
  readonly #wire: PushWire;
  readonly #ledger: PushLedger;
  readonly #purse = new CreditPurse();
  #pausedUntilMs = 0;
  #batchRecords = pushBatchRecords;
  #wake: (() => void) | undefined;
  #over = false;
  #acked = false;
  /** Acks in a row after which something was to be sent again. */
  #refusals = 0;

  constructor(transport: Transport, wire: PushWire, ledger: PushLedger) {
    this.#transport = transport;
    this.#wire = wire;
    this.#ledger = ledger;
  }

  /** Whether it has brought an ack of a record that is not to be sent again. */
  get acked(): boolean {
    return this.#acked;
  }

  /** Pushes until the stream ends or `signal` aborts. Rejects with why it broke. */
  async run(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => this.wake();
    signal.addEventListener("abort", onAbort);
    try {
      const batches = this.#batches(signal);
      const answers = this.#wire.open(this.#transport, batches, signal);
      for await (const answer of answers) {
        this.#take(answer);
        this.wake();
      }
    } finally {
      this.#over = true;
      this.wake();
      signal.removeEventListener("abort", onAbort);
    }
  }

  /** Looks again for what can be sent. */
  wake(): void {
    this.#wake?.();
  }

  async *#batches(
    signal: AbortSignal,
  ): AsyncGenerator<PushBatch, void, void> {
    while (!this.#over && !signal.aborted) {
      const nowMs = systemClock.nowMs();
      const room = nowMs < this.#pausedUntilMs
        ? 0
        : Math.min(this.#purse.available(nowMs), this.#batchRecords);
      const batch = this.#ledger.next(room);
      if (batch !== undefined) {
        this.#purse.spend(batch.records.length);
        yield batch;
        continue;
      }
      const woken = await this.#change(this.#patienceMs(nowMs));
      if (!woken && this.#ledger.hasUnsent) await this.#askForCredits(signal);
    }
  }

  #take(answer: PushAnswer): void {
    switch (answer?.kind) {
      case "acks": {
        const again = this.#ledger.ack(answer.batchId, answer.acks);
        this.#acked ||= again < answer.acks.length;
        this.#refusals = again === 0 ? 0 : this.#refusals + 1;
        // What was not taken now is no better at once.
        if (again > 0) {
          this.#pause(backoffMs(policy, this.#refusals, systemRandom));
        }
        return;
      }
      case "credit":
        return this.#purse.add(answer.credits, answer.expiresAtMs);
      case "pressure":
        this.#pausedUntilMs = 0;
        this.#pause(answer.pauseMs);
        this.#batchRecords = answer.batchRecords ?? pushBatchRecords;
        return;
      case undefined:
        return;
      default:
        return answer satisfies never;
    }
  }

  #pause(ms: number): void {
    const untilMs = systemClock.nowMs() + ms;
    this.#pausedUntilMs = Math.max(this.#pausedUntilMs, untilMs);
  }

  /** How long to wait for the router before doing something about it. */
  #patienceMs(nowMs: number): number {
    if (!this.#ledger.hasUnsent) return Infinity;
    if (nowMs < this.#pausedUntilMs) return this.#pausedUntilMs - nowMs;
    return creditRequestMs;
  }

  async #askForCredits(signal: AbortSignal): Promise<void> {
    const nowMs = systemClock.nowMs();
    if (nowMs < this.#pausedUntilMs || this.#purse.available(nowMs) > 0) return;
    const credit = await this.#wire.askForCredit?.(
      this.#transport,
      this.#batchRecords,
      signal,
    );
    if (credit) this.#purse.add(credit.credits, credit.expiresAtMs);
  }

  /** Waits to be woken, at most `ms`; whether it was. */
  async #change(ms: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>();
    this.#wake = () => resolve(true);
    const timer = ms === Infinity
      ? undefined
      : setTimeout(() => resolve(false), Math.min(ms, timeoutMsMax));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#wake = undefined;
    }
  }
}
