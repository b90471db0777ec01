/**
 * The sink of a stage whose records are pulled: they stay with the router until a consumer has come
 * for them and says that it is done. Several consumers share them. It looks like a service to its stage:
 * a batch that is written is answered once all of it is settled.
 */
import type { CallLimits, SinkPort } from "../delivery/ports.ts";
import type { PulledIdentity } from "../delivery/pulled_identity.ts";
import { PullQueue } from "../delivery/pull_queue.ts";
import { within } from "../consensus/within.ts";
import {
  pullBatchBytes,
  pullBatchRecords,
  pullGivenBackMs,
  recordsInFlightMax,
} from "../limits.ts";
import type { Scheduler } from "../scheduler.ts";
import type { AckRequestView } from "../../proto/ack_request_view.ts";
import { codecOf } from "../../proto/codec.ts";
import {
  type WriteBatchResponse,
  WriteStatus,
} from "../../proto/messages/sink.ts";
import { AckStatus, type PullRequest } from "../../proto/messages/source.ts";
import { RecordJoin } from "../../proto/record_join.ts";
import { RecordRewriter } from "../../proto/record_rewriter.ts";
import { RecordView } from "../../proto/record_view.ts";
import { schema } from "../../proto/schema.ts";
import { WireReader } from "../../proto/wire.ts";

/** All of a batch is written: no result needs to be told for each record. */
const written = codecOf<WriteBatchResponse>(
  schema.lookupType("conveyor.sink.WriteBatchResponse"),
).encode({ status: WriteStatus.Success });

/** The outlet of one stage. */
export class StageOutlet implements SinkPort {
  /** What is written stays in this process: nothing is lost but with it. */
  readonly incarnation: number = 0;
  readonly #identity: PulledIdentity;
  readonly #scheduler: Scheduler;
  readonly #queue: PullQueue = new PullQueue();
  /** Consumers that wait for records, or for room. */
  #waiting: (() => void)[] = [];
  readonly #freeConsumers: number[] = [];
  #consumers = 0;
  #batches = 0;
  #cancelAgain: (() => void) | undefined;
  #closed = false;

  constructor(identity: PulledIdentity, scheduler: Scheduler) {
    this.#identity = identity;
    this.#scheduler = scheduler;
  }

  /** Whether nothing more comes, and nothing is left. */
  get isOver(): boolean {
    return this.#closed && this.#queue.open === 0;
  }

  /** A serialized WriteBatchRequest; resolves when consumers have settled all of it. */
  async call(request: Uint8Array, { signal }: CallLimits): Promise<Uint8Array> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const batch = this.#queue.add(this.#renamed(request), resolve);
    this.#wake();
    try {
      await within(promise, signal);
      return written;
    } finally {
      if (batch.open > 0) this.#queue.remove(batch);
      this.#wake();
    }
  }

  flush(): Promise<boolean> {
    return Promise.resolve(true);
  }

  /** Serialized batches for a consumer, for as long as it stays and the stage may have records. */
  async *pull(
    request: PullRequest,
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array, void, void> {
    const { sourceId, consumerId, partitions } = request;
    const isWanted = partitions.length === 0 ||
      partitions.includes(this.#identity.partition);
    const inFlightMax = request.maxInFlight || recordsInFlightMax;
    const batchRecords = request.maxBatchRecords || pullBatchRecords;
    const consumer = this.#freeConsumers.pop() ?? ++this.#consumers;
    const join = new RecordJoin();
    try {
      while (!signal.aborted && !this.isOver) {
        const room = inFlightMax - this.#queue.heldBy(consumer);
        const count = isWanted && room > 0
          ? this.#queue.take(consumer, {
            recordsMax: Math.min(room, batchRecords),
            bytesMax: pullBatchBytes,
          }, join)
          : 0;
        if (count === 0) {
          await this.#woken(signal);
          continue;
        }
        const message = join.batch(
          `${sourceId}/${consumerId}/${++this.#batches}`,
        );
        join.clear();
        yield message;
      }
    } finally {
      this.#queue.leave(consumer);
      this.#freeConsumers.push(consumer);
      this.#wake();
    }
  }

  /** A consumer says what became of records; how many are settled by it. */
  acknowledge({ ids, count, statuses }: AckRequestView): number {
    let settled = 0;
    for (let i = 0; i < count; i++) {
      const number = this.#identity.numberOf(ids, i);
      if (number === undefined) continue;
      switch (statuses[i]) {
        case AckStatus.Accepted:
        case AckStatus.Duplicate:
          if (this.#queue.settle(number)) settled++;
          break;
        default:
          if (this.#queue.giveBack(number)) this.#sendAgain();
      }
    }
    this.#wake();
    return settled;
  }

  /** Nothing more is written to it: consumers go when they have settled the rest. */
  close(): void {
    this.#closed = true;
    this.#wake();
  }

  /** Is written to again. */
  open(): void {
    this.#closed = false;
  }

  /** The records of a request under the identities that consumers know them by. */
  #renamed(request: Uint8Array): RecordRewriter {
    const view = new RecordView().reset(request).addBatch(...batchIn(request));
    const renamed = new RecordRewriter();
    const { next } = this.#queue;
    for (let i = 0; i < view.count; i++) {
      renamed.add(view, i, this.#identity.field(next + i));
    }
    return renamed;
  }

  /** What was given back goes out again after a pause, or it would go back and forth all the time. */
  #sendAgain(): void {
    this.#cancelAgain ??= this.#scheduler.after(pullGivenBackMs, () => {
      this.#cancelAgain = undefined;
      this.#queue.sendAgain();
      this.#wake();
    });
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const resolve of waiting) resolve();
  }

  async #woken(signal: AbortSignal): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await within(promise, signal).catch(() => {});
  }
}

/** Where the batch in a WriteBatchRequest of this router is. */
function batchIn(request: Uint8Array): [start: number, end: number] {
  const reader = new WireReader(request);
  for (;;) {
    const tag = reader.tag();
    const end = reader.delimited();
    if (tag === 0x12) return [reader.pos, end];
    reader.pos = end;
  }
}
