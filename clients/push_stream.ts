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
import type { MessageInit } from "../proto/codec.ts";
import type {
  BackpressureSignal,
  PushRequest,
  PushResponse,
  SourceRouterMethods,
} from "../proto/messages/source.ts";
import { type Service, serviceOf } from "../proto/service.ts";
import { CreditPurse } from "./credit_purse.ts";
import type { PushLedger } from "./push_ledger.ts";
import type { Transport } from "./transport.ts";

const { methods }: Service<SourceRouterMethods> = serviceOf(
  "conveyor.source.SourceRouter",
);

/** A push stream. */
export class PushStream {
  readonly #transport: Transport;
  readonly #ledger: PushLedger;
  readonly #sourceId: string;
  readonly #purse = new CreditPurse();
  #pausedUntilMs = 0;
  #batchRecords = pushBatchRecords;
  #wake: (() => void) | undefined;
  #over = false;

  constructor(transport: Transport, sourceId: string, ledger: PushLedger) {
    this.#transport = transport;
    this.#sourceId = sourceId;
    this.#ledger = ledger;
  }

  /** Pushes until the stream ends or `signal` aborts. Rejects with why it broke. */
  async run(signal: AbortSignal): Promise<void> {
    const onAbort = (): void => this.wake();
    signal.addEventListener("abort", onAbort);
    try {
      const answers = this.#transport.stream(
        methods.pushRecords,
        this.#requests(signal),
        { signal },
      );
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

  async *#requests(
    signal: AbortSignal,
  ): AsyncGenerator<MessageInit<PushRequest>, void, void> {
    while (!this.#over && !signal.aborted) {
      const nowMs = systemClock.nowMs();
      const room = nowMs < this.#pausedUntilMs
        ? 0
        : Math.min(this.#purse.available(nowMs), this.#batchRecords);
      const batch = this.#ledger.next(room);
      if (batch !== undefined) {
        this.#purse.spend(batch.records.length);
        yield { batch };
        continue;
      }
      const woken = await this.#change(this.#patienceMs(nowMs));
      if (!woken && this.#ledger.hasUnsent) await this.#askForCredits(signal);
    }
  }

  #take({ ack, backpressure, credits }: PushResponse): void {
    if (ack) this.#ledger.ack(ack.batchId, ack.recordAcks);
    else if (credits) this.#purse.add(credits.credits, credits.expiresAtMs);
    else if (backpressure) this.#adapt(backpressure);
  }

  #adapt(
    { pause, recommendedBatchSize, resumeAfterMs }: BackpressureSignal,
  ): void {
    const waitMs = resumeAfterMs > 0n
      ? Number(resumeAfterMs)
      : pause
      ? Infinity
      : 0;
    this.#pausedUntilMs = systemClock.nowMs() + waitMs;
    this.#batchRecords = recommendedBatchSize || pushBatchRecords;
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
    const { message } = await this.#transport.unary(methods.requestCredits, {
      sourceId: this.#sourceId,
      requestedCredits: BigInt(this.#batchRecords),
    }, { signal });
    const { grantedCredits, expiresInMs } = message;
    this.#purse.add(
      grantedCredits,
      expiresInMs === 0n
        ? 0n
        : BigInt(Math.floor(systemClock.nowMs())) + expiresInMs,
    );
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
