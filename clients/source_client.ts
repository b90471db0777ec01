/** Pushes a source's records to a router, and tells what became of each. */
import { setTimeout as delay } from "node:timers/promises";
import {
  backoffMs,
  isTransient,
  resolveRetryPolicy,
} from "../lib/delivery/retry.ts";
import { asConveyorError, Code, ConveyorError } from "../lib/errors.ts";
import {
  pushBatchRecords,
  pushLingerMs,
  recordsInFlightMax,
} from "../lib/limits.ts";
import { requiredString } from "../lib/options.ts";
import { systemRandom } from "../lib/random.ts";
import type { MessageInit } from "../proto/codec.ts";
import type { CheckpointServiceMethods } from "../proto/messages/checkpoint.ts";
import type { Record } from "../proto/messages/common.ts";
import { AckStatus } from "../proto/messages/source.ts";
import { type Service, serviceOf } from "../proto/service.ts";
import type { ConnectOptions } from "./channel_options.ts";
import { gathered } from "./gathered.ts";
import { PushLedger, type RecordOutcome } from "./push_ledger.ts";
import { PushStream } from "./push_stream.ts";
import type { Records } from "./record_stream.ts";
import { RouterChannel } from "./router_channel.ts";
import type { CallOptions, Transport } from "./transport.ts";

const checkpoints: Service<CheckpointServiceMethods> = serviceOf(
  "conveyor.checkpoint.CheckpointService",
);

/** Options of `SourceClient.pushAll`. */
export interface PushAllOptions {
  /** Told what became of each record, in no particular order over batches. @default none */
  readonly onOutcome?: (outcome: RecordOutcome) => void;
}

/** How many records met which end. */
export interface PushSummary {
  /** Settled by this call. */
  readonly accepted: number;
  /** Settled before. */
  readonly duplicate: number;
  /** Not taken. */
  readonly rejected: number;
}

/**
 * A producer's end of a router: sends records within the credit it is granted, at the pace the router
 * asks for, and keeps each until the router has settled it. When the connection breaks it dials again
 * with growing pauses and sends again what was not acked; the router knows what it has already.
 *
 * A rejected record is no error: its outcome says so, and the caller still has the record. Methods
 * reject with a `ConveyorError`: `InvalidArgument` for a record without sequence number (nothing is
 * sent), the router's own status for what no repetition mends, and `Canceled` once the client is
 * closed.
 *
 * @example
 * ```ts
 * import { SourceClient } from "@conveyor/grpc";
 *
 * async function upload(url: string, lines: readonly string[]): Promise<number> {
 *   await using source = await SourceClient.connect(url, "orders");
 *   const outcomes = await source.push(lines.map((line, at) => ({
 *     id: { sequenceNumber: BigInt(at + 1) },
 *     payload: new TextEncoder().encode(line),
 *   })));
 *   return outcomes.filter(({ error }) => error === "").length;
 * }
 * ```
 */
export class SourceClient implements AsyncDisposable {
  /** The source whose records this client pushes. */
  readonly sourceId: string;
  readonly #transport: Transport;
  readonly #ledger: PushLedger;
  readonly #closing = new AbortController();
  #stream: PushStream | undefined;
  #pushing: Promise<void> | undefined;
  #failure: ConveyorError | undefined;

  /** A client over a connection that exists already; `connect` makes one. */
  constructor(transport: Transport, sourceId: string) {
    this.sourceId = requiredString("sourceId", sourceId);
    this.#transport = transport;
    this.#ledger = new PushLedger(sourceId);
  }

  /**
   * Connects to a router, or to the first of several that answers: `http://host:port`,
   * `https://host:port` or `unix:/path`. Rejects with Unavailable when none does in time.
   */
  static async connect(
    routers: string | readonly string[],
    sourceId: string,
    options?: ConnectOptions,
  ): Promise<SourceClient> {
    requiredString("sourceId", sourceId);
    const transport = await RouterChannel.connect(routers, options);
    return new SourceClient(transport, sourceId);
  }

  /**
   * Pushes records; resolves when each is settled or rejected, with one outcome per record in their
   * order. The source's name in an identity may be left out. Sequence numbers rise within a partition.
   */
  async push(
    records: readonly MessageInit<Record>[],
  ): Promise<readonly RecordOutcome[]> {
    if (this.#failure) throw this.#failure;
    if (this.#closing.signal.aborted) throw closed();
    const outcomes = this.#ledger.add(records);
    this.#pushing ??= this.#pushOn();
    this.#stream?.wake();
    return await outcomes;
  }

  /**
   * Pushes records as they come, at most 10,000 of them unsettled at a time; resolves when all are
   * settled or rejected.
   */
  async pushAll(
    records: Records,
    { onOutcome }: PushAllOptions = {},
  ): Promise<PushSummary> {
    const counts = { accepted: 0, duplicate: 0, rejected: 0 };
    const underWay = new Set<Promise<void>>();
    const count = (outcome: RecordOutcome): void => {
      counts[countOf(outcome.status)]++;
      onOutcome?.(outcome);
    };
    for await (
      const batch of gathered(records, pushBatchRecords, pushLingerMs)
    ) {
      const pushed = this.push(batch).then((outcomes) =>
        outcomes.forEach(count)
      );
      underWay.add(pushed);
      pushed.then(() => underWay.delete(pushed), () => {});
      if (underWay.size >= recordsInFlightMax / pushBatchRecords) {
        await Promise.race(underWay);
      }
    }
    await Promise.all(underWay);
    return counts;
  }

  /**
   * Where to go on in each partition: the sequence number after the last one that is settled with all
   * before it. A partition that the router has not heard of is not in the map.
   */
  async resumePositions(
    options?: CallOptions,
  ): Promise<ReadonlyMap<number, bigint>> {
    const { message } = await this.#transport.unary(
      checkpoints.methods.getSourceOffset,
      { sourceId: this.sourceId },
      options,
    );
    return new Map(
      Object.entries(message.offsets).map(([partition, next]) => [
        Number(partition),
        next,
      ]),
    );
  }

  /** Ends the connection. Pushes that are not settled reject with Canceled. Idempotent. */
  async close(): Promise<void> {
    this.#closing.abort(closed());
    this.#ledger.fail(closed());
    await this.#pushing;
    await this.#transport.close();
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Keeps a stream open for as long as the client lives. */
  async #pushOn(): Promise<void> {
    const { signal } = this.#closing;
    const policy = resolveRetryPolicy();
    let failures = 0;
    while (!signal.aborted) {
      const stream = new PushStream(
        this.#transport,
        this.sourceId,
        this.#ledger,
      );
      this.#stream = stream;
      try {
        await stream.run(signal);
        failures = 0;
      } catch (thrown) {
        const error = asConveyorError(thrown);
        if (signal.aborted) return;
        if (!isTransient(error.code)) {
          this.#failure = error;
          this.#ledger.fail(error);
          return;
        }
        failures++;
      }
      this.#ledger.sendAgain();
      const pauseMs = backoffMs(policy, Math.max(1, failures), systemRandom);
      await delay(pauseMs, undefined, { signal }).catch(() => {});
    }
  }
}

function countOf(status: AckStatus): keyof PushSummary {
  switch (status) {
    case AckStatus.Accepted:
      return "accepted";
    case AckStatus.Duplicate:
      return "duplicate";
    default:
      return "rejected";
  }
}

function closed(): ConveyorError {
  return new ConveyorError(
    Code.Canceled,
    "Cannot push: the client was closed",
  );
}
