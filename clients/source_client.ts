/** Pushes a source's records to a router or a sidecar, and tells what became of each. */
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
import { requiredObject, requiredString } from "../lib/options.ts";
import { systemRandom } from "../lib/random.ts";
import { blamingTheLarge } from "../lib/runtime/oversized.ts";
import type { MessageInit } from "../proto/codec.ts";
import type { CheckpointServiceMethods } from "../proto/messages/checkpoint.ts";
import type { Record } from "../proto/messages/common.ts";
import { AckStatus } from "../proto/messages/source.ts";
import { type Service, serviceOf } from "../proto/service.ts";
import type { ConnectOptions } from "./channel_options.ts";
import { gathered } from "./gathered.ts";
import { PushLedger, type RecordOutcome } from "./push_ledger.ts";
import { PushStream } from "./push_stream.ts";
import type { PushWire } from "./push_wire.ts";
import type { Records } from "./record_stream.ts";
import { RouterChannel } from "./router_channel.ts";
import { RouterPush } from "./router_push.ts";
import { SidecarPush } from "./sidecar_push.ts";
import type { CallOptions, Transport } from "./transport.ts";

const checkpoints: Service<CheckpointServiceMethods> = serviceOf(
  "conveyor.checkpoint.CheckpointService",
);

/** What is pushed to a sidecar. */
export interface SidecarPushOptions {
  /** Pipeline that the records are for. @default every one that takes the source */
  readonly pipelineId?: string;
}

/** Options of `SourceClient.connectToSidecar`. */
export interface SidecarConnectOptions
  extends ConnectOptions, SidecarPushOptions {}

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
 * A producer's end of a router or of its pod's sidecar: sends records within the credit it is granted, at
 * the pace that it is asked for, and keeps each until it is settled. When the connection breaks it dials
 * again with growing pauses, goes to the next address where there are several, and sends again what was
 * not acked; the other side knows what it has already.
 *
 * A rejected record is no error: its outcome says so, and the caller still has the record. One that is
 * larger than a message may be is rejected so, and the others go on. A sidecar rejects only what it can
 * never take: what it cannot take now is sent again until it does, and `refusal` says why meanwhile.
 * Methods reject with a `ConveyorError`: `InvalidArgument` for a record without sequence number (nothing
 * is sent), the router's own status for what no repetition mends, and `Canceled` once the client is
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
 *
 * @example To the sidecar of the source's pod
 * ```ts
 * import { SourceClient } from "@conveyor/grpc";
 *
 * async function upload(lines: readonly string[]): Promise<void> {
 *   await using source = await SourceClient.connectToSidecar(
 *     "http://localhost:9091",
 *     "orders",
 *   );
 *   await source.push(lines.map((line, at) => ({
 *     id: { sequenceNumber: BigInt(at + 1) },
 *     payload: new TextEncoder().encode(line),
 *   })));
 * }
 * ```
 */
export class SourceClient implements AsyncDisposable {
  /** The source whose records this client pushes. */
  readonly sourceId: string;
  readonly #transport: Transport;
  readonly #wire: PushWire;
  readonly #ledger: PushLedger;
  readonly #closing = new AbortController();
  #stream: PushStream | undefined;
  #pushing: Promise<void> | undefined;
  #failure: ConveyorError | undefined;

  /**
   * A client over a connection that exists already, which `connect` and `connectToSidecar` make; with
   * `sidecar` over one to a sidecar.
   */
  constructor(
    transport: Transport,
    sourceId: string,
    sidecar?: SidecarPushOptions,
  ) {
    this.sourceId = requiredString("sourceId", sourceId);
    this.#transport = transport;
    this.#wire = sidecar
      ? new SidecarPush(sourceId, sidecar.pipelineId ?? "")
      : new RouterPush(sourceId);
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
   * Connects to a sidecar, or to the first of several that answers; addresses as those of `connect`. A
   * router may stand among them: it takes records in the same way. Rejects with Unavailable when none
   * answers in time.
   */
  static async connectToSidecar(
    sidecars: string | readonly string[],
    sourceId: string,
    options: SidecarConnectOptions = {},
  ): Promise<SourceClient> {
    requiredString("sourceId", sourceId);
    const { pipelineId = "", ...connect } = requiredObject("options", options);
    const transport = await RouterChannel.connect(
      sidecars,
      connect,
      "sidecars",
    );
    return new SourceClient(transport, sourceId, { pipelineId });
  }

  /**
   * Why the sidecar did not take records that are sent again, by its last answer; undefined when it took
   * all of them. Routers reject such records instead.
   */
  get refusal(): string | undefined {
    return this.#ledger.refusal;
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
   * before it. A partition that the cluster has not heard of is not in the map.
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
        this.#wire,
        this.#ledger,
      );
      this.#stream = stream;
      try {
        await stream.run(signal);
        failures = 0;
      } catch (thrown) {
        const error = asConveyorError(blamingTheLarge(thrown));
        if (signal.aborted) return;
        const isRejected = error.code === Code.OutOfRange &&
          this.#ledger.rejectLargest(error.message);
        // Nobody here has cancelled: the other side has stopped, or is about to.
        if (
          !isRejected && !isTransient(error.code) &&
          error.code !== Code.Canceled
        ) {
          this.#failure = error;
          this.#ledger.fail(error);
          return;
        }
        // One that got on was no failure in a row with those before it.
        failures = isRejected || stream.acked ? 0 : failures + 1;
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
