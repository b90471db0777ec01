/**
 * One stream of a pull: its batches go into the flow while there is room, and what becomes of their
 * records goes back as acks. It is over when the stream is and all that it brought is acknowledged, or
 * with the first record that could not be taken: the source is then asked for it again.
 */
import { codecOf } from "../../proto/codec.ts";
import type {
  PullRequest,
  SourceServiceMethods,
} from "../../proto/messages/source.ts";
import { schema } from "../../proto/schema.ts";
import { rawMethod, serviceOf } from "../../proto/service.ts";
import { within } from "../consensus/within.ts";
import { type Intake, Outcome } from "../delivery/intake.ts";
import { type Rejection, rejectionMessage } from "../delivery/rejection.ts";
import { Code, ConveyorError, quote } from "../errors.ts";
import type { SourceListener, SourceSession } from "../flow/source_session.ts";
import { callTimeoutMs, pullBatchRecords } from "../limits.ts";
import { PullAcks } from "./pull_acks.ts";
import type { PullPorts, PullTarget } from "./source_pull.ts";

const { methods } = serviceOf<SourceServiceMethods>(
  "conveyor.source.SourceService",
);
const pullRecords = rawMethod(methods.pullRecords);
const acknowledge = rawMethod(methods.acknowledge);
const pullRequest = codecOf<PullRequest>(
  schema.lookupType("conveyor.source.PullRequest"),
);

/** When an attempt is to end before its stream does. */
export interface PullSignals {
  /** Nothing more is to be read; what was read is finished. */
  readonly leaving: AbortSignal;
  /** Nothing more is to be done. */
  readonly closing: AbortSignal;
}

/** An attempt at a pull. */
export class PullAttempt implements SourceListener {
  /** Records that it brought and that are settled by it. */
  settled = 0;
  /** Whether anything came. */
  hasBrought = false;
  readonly #target: PullTarget;
  readonly #ports: PullPorts;
  readonly #signals: PullSignals;
  readonly #session: SourceSession;
  readonly #acks: PullAcks;
  /** Aborts with what makes going on pointless. */
  readonly #failing = new AbortController();
  /** Whether the source takes no more acks. */
  #deaf = false;
  #wake: () => void = () => {};

  constructor(target: PullTarget, ports: PullPorts, signals: PullSignals) {
    this.#target = target;
    this.#ports = ports;
    this.#signals = signals;
    this.#acks = new PullAcks({
      send: (request) => this.#sendAcks(request),
      sourceId: target.sourceId,
      consumerId: target.consumerId,
      scheduler: ports.scheduler,
      changed: (failure) => this.#acksChanged(failure),
    });
    const { sourceId } = target;
    this.#session = ports.intake.openSource(this, {
      pulled: { sourceId, batchRecords: this.#batchRecords },
    });
  }

  /** Rejects with what broke the stream; resolves when it ended and all of it is acknowledged. */
  async run(): Promise<void> {
    const { leaving, closing } = this.#signals;
    const { signal: failing } = this.#failing;
    try {
      await this.#read(AbortSignal.any([leaving, closing, failing]));
    } catch (error) {
      // What was read is finished all the same when it was this node that broke it off.
      if (!leaving.aborted && !failing.aborted) throw error;
    }
    while (this.#session.underWay > 0 || this.#acks.waiting > 0) {
      if (failing.aborted) break;
      await this.#woken(closing);
    }
    if (!failing.aborted) return;
    // The source hears at once what could not be taken.
    while (this.#acks.waiting > 0 && !this.#deaf) {
      await this.#woken(closing);
    }
    throw failing.reason;
  }

  /** The stream is gone; its records go on unacknowledged. Idempotent. */
  close(): void {
    this.#session.close();
    this.#acks.close();
  }

  acked(intake: Intake): void {
    const { fresh, freshCount, outcomes, reasons } = intake;
    for (let n = 0; n < freshCount; n++) {
      const outcome = outcomes[fresh[n]!];
      if (outcome === Outcome.Accepted) this.settled++;
      else if (outcome === Outcome.Rejected) {
        this.#failing.abort(rejected(this.#target, reasons[fresh[n]!]!));
      }
    }
    this.#acks.add(intake);
    this.#wake();
  }

  granted(): void {}

  pressed(): void {}

  readable(): void {
    this.#wake();
  }

  async #read(signal: AbortSignal): Promise<void> {
    const { url, inFlightMax } = this.#target;
    const { channels } = this.#ports;
    const request = await this.#request(signal);
    await this.#room(signal);
    const batches = channels.stream(url, pullRecords, request, signal);
    for await (const batch of batches) {
      if (signal.aborted) return;
      this.#session.accept(batch);
      this.hasBrought = true;
      await this.#room(signal);
      // One that sends more than it may is not listened to meanwhile.
      while (this.#session.underWay + this.#acks.waiting > inFlightMax) {
        await this.#woken(signal);
      }
    }
  }

  /** Asks for what comes after the committed offsets, as no commit that was answered is missed. */
  async #request(signal: AbortSignal): Promise<Uint8Array> {
    const { sourceId, consumerId, partition, inFlightMax } = this.#target;
    const { channels, progress } = this.#ports;
    const positions = await progress.positions(sourceId, signal);
    return pullRequest.encode({
      sourceId,
      consumerId,
      start: [...positions]
        .filter(([each]) => partition === undefined || each === partition)
        .map(([each, nextSequence]) => ({ partition: each, nextSequence })),
      maxInFlight: inFlightMax,
      maxBatchRecords: this.#batchRecords,
      partitions: partition === undefined ? [] : [partition],
      maxMessageBytes: BigInt(channels.messageBytesMax),
    });
  }

  get #batchRecords(): number {
    return Math.min(pullBatchRecords, this.#target.inFlightMax);
  }

  async #room(signal: AbortSignal): Promise<void> {
    while (!this.#session.mayRead) await this.#woken(signal);
  }

  #sendAcks(request: Uint8Array): Promise<Uint8Array> {
    return this.#ports.channels.call(this.#target.url, acknowledge, request, {
      timeoutMs: callTimeoutMs,
      signal: this.#signals.closing,
    });
  }

  #acksChanged(failure: ConveyorError | undefined): void {
    if (failure) {
      this.#deaf = true;
      this.#failing.abort(failure);
    }
    this.#wake();
  }

  async #woken(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await within(promise, signal);
  }
}

function rejected({ sourceId }: PullTarget, reason: Rejection): ConveyorError {
  return new ConveyorError(
    Code.ResourceExhausted,
    `Cannot take records of source ${quote(sourceId)}: ${
      rejectionMessage(reason)
    }`,
  );
}
