/** Pushes over `conveyor.source.SourceRouter`, as routers serve it. */
import { systemClock } from "../lib/clock.ts";
import type { MessageInit } from "../proto/codec.ts";
import type {
  PushRequest,
  PushResponse,
  SourceRouterMethods,
} from "../proto/messages/source.ts";
import { type Service, serviceOf } from "../proto/service.ts";
import type { PushBatch } from "./push_ledger.ts";
import type { PushAnswer, PushCredit, PushWire } from "./push_wire.ts";
import type { Transport } from "./transport.ts";

const { methods }: Service<SourceRouterMethods> = serviceOf(
  "conveyor.source.SourceRouter",
);

/** The wire of a router, for one source. */
export class RouterPush implements PushWire {
  readonly #sourceId: string;

  constructor(sourceId: string) {
    this.#sourceId = sourceId;
  }

  async *open(
    transport: Transport,
    batches: AsyncIterable<PushBatch>,
    signal: AbortSignal,
  ): AsyncGenerator<PushAnswer, void, void> {
    const requests = requestsOf(batches);
    const options = { signal };
    for await (
      const answer of transport.stream(methods.pushRecords, requests, options)
    ) yield answerIn(answer);
  }

  async askForCredit(
    transport: Transport,
    records: number,
    signal: AbortSignal,
  ): Promise<PushCredit> {
    const { message } = await transport.unary(methods.requestCredits, {
      sourceId: this.#sourceId,
      requestedCredits: BigInt(records),
    }, { signal });
    const { grantedCredits, expiresInMs } = message;
    return {
      credits: grantedCredits,
      expiresAtMs: expiresInMs === 0n
        ? 0n
        : BigInt(Math.floor(systemClock.nowMs())) + expiresInMs,
    };
  }
}

async function* requestsOf(
  batches: AsyncIterable<PushBatch>,
): AsyncGenerator<MessageInit<PushRequest>, void, void> {
  for await (const batch of batches) yield { batch };
}

function answerIn({ ack, backpressure, credits }: PushResponse): PushAnswer {
  if (ack) {
    return { kind: "acks", batchId: ack.batchId, acks: ack.recordAcks };
  }
  if (credits) return { kind: "credit", ...credits };
  if (!backpressure) return undefined;
  const { pause, recommendedBatchSize, resumeAfterMs } = backpressure;
  return {
    kind: "pressure",
    pauseMs: resumeAfterMs > 0n ? Number(resumeAfterMs) : pause ? Infinity : 0,
    batchRecords: recommendedBatchSize || undefined,
  };
}
