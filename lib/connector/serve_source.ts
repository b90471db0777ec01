/**
 * A stream of records, served as a source that a router pulls from. No more records are under way
 * than the router allows: what it has acknowledged makes room for more.
 */
import { recordBytes } from "../../clients/record_bytes.ts";
import { codecOf, type MessageInit } from "../../proto/codec.ts";
import type {
  Record,
  RecordBatch,
  RecordId,
  Watermark,
} from "../../proto/messages/common.ts";
import {
  AckStatus,
  type PullRequest,
  type RecordAck,
  type SourceServiceMethods,
} from "../../proto/messages/source.ts";
import { schema } from "../../proto/schema.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import { Code, ConveyorError, invalidArgument } from "../errors.ts";
import {
  integerOption,
  optionalFunctions,
  requiredFunction,
  requiredObject,
} from "../options.ts";
import {
  messageBytesMax,
  pullBatchBytes,
  pullBatchRecords,
  pullPartitionsMax,
  recordsInFlightMax,
} from "../limits.ts";
import type { CallContext, Handlers } from "../rpc/handler.ts";
import { partitionsLabel } from "../state/pull_shares.ts";
import { gatheredRecords } from "./gathered_records.ts";
import type { RegisterOptions } from "./registration.ts";
import {
  type Connector,
  type ConnectorOptions,
  resolveConnectorOptions,
  type ResolvedConnectorOptions,
  serveHandlers,
} from "./serve.ts";

const service: Service<SourceServiceMethods> = serviceOf(
  "conveyor.source.SourceService",
);
const { methods } = service;
const batchCodec = codecOf<RecordBatch>(
  schema.lookupType("conveyor.common.RecordBatch"),
);

/** Where a pull starts. */
export interface PullStart {
  /** The source that is pulled from. */
  readonly sourceId: string;
  /** Next sequence number by partition; a partition that is not in it starts at its beginning. */
  readonly positions: ReadonlyMap<number, bigint>;
  /** The partitions that are wanted; empty: all. Records of others are left out. */
  readonly partitions: ReadonlySet<number>;
  /** Aborts when the puller goes away. */
  readonly signal: AbortSignal;
}

/** Yields records, in order within each partition, from where the pull starts. Each needs its `id`. */
export type SourceFunction = (
  start: PullStart,
) => AsyncIterable<MessageInit<Record>>;

/** A source with more to say than one function. */
export interface SourceHandlers {
  /** Yields the records. */
  readonly pull: SourceFunction;
  /**
   * Told what became of records. One that was rejected is asked for again, but for one that is larger
   * than a message may be: it is left out. @default nothing is done
   */
  readonly acknowledge?: (acks: readonly RecordAck[]) => void | Promise<void>;
  /**
   * Partitions that it has, from 0, when the nodes of a router are to share them: each is then pulled
   * by a call of its own. @default one node pulls all
   */
  readonly partitions?: number;
  /** How far the source is in event time. @default none is stated */
  readonly watermarks?: () => readonly MessageInit<Watermark>[];
}

/**
 * Serves `source` as a source service to pull from, with health and reflection, until it is closed
 * or the process is told to end.
 *
 * Rejects with `InvalidArgument` for an option out of range and `Unavailable` when the address is
 * taken.
 *
 * @example
 * ```ts
 * import { serveSource } from "@conveyor/grpc/connector";
 *
 * await using server = await serveSource(async function* ({ sourceId, positions }) {
 *   for (let sequenceNumber = positions.get(0) ?? 1n; sequenceNumber <= 10n; sequenceNumber++) {
 *     yield { id: { sourceId, sequenceNumber }, recordType: "tick" };
 *   }
 * }, { address: "127.0.0.1:0" });
 * console.log(`source on ${server.address}`);
 * ```
 */
export async function serveSource(
  source: SourceFunction | SourceHandlers,
  options: ConnectorOptions = {},
): Promise<Connector> {
  const resolved = resolveConnectorOptions(options);
  const handlers = typeof source === "function"
    ? { pull: source }
    : requiredObject("source", source);
  requiredFunction("source.pull", handlers.pull);
  optionalFunctions("source", handlers, "acknowledge", "watermarks");
  const parts = {
    ...resolved,
    source: handlers,
    messageBytesMax: options.messageBytesMax ?? messageBytesMax,
  };
  return await serveHandlers(service, handlersOf(parts), {
    ...options,
    ...options.register &&
      { register: pulledFrom(options.register, handlers.partitions) },
  });
}

/** A source that registers says that it is to be pulled from. */
function pulledFrom(
  register: RegisterOptions,
  partitions: number | undefined,
): RegisterOptions {
  const { service, metadata } = requiredObject("register", register);
  const capabilities = new Set([...service?.capabilities ?? [], "pull"]);
  if (partitions !== undefined) {
    integerOption("source.partitions", partitions, 1, 1, pullPartitionsMax);
  }
  return {
    ...register,
    service: { ...service, capabilities: [...capabilities] },
    metadata: {
      ...metadata,
      labels: {
        ...metadata?.labels,
        ...partitions && { [partitionsLabel]: `${partitions}` },
      },
    },
  };
}

/** What is served, and how. */
interface SourceParts extends Pick<ResolvedConnectorOptions, "id" | "report"> {
  readonly source: SourceHandlers;
  /** Largest message that is sent. */
  readonly messageBytesMax: number;
}

function handlersOf(
  parts: SourceParts,
): Handlers<SourceServiceMethods> {
  const { source, id } = parts;
  const pulls = new Map<string, Set<PullWindow>>();
  return {
    pullRecords: (request, context) =>
      pullBatches(parts, pulls, request, context),
    acknowledge: async ({ sourceId, consumerId, recordAcks }) => {
      await source.acknowledge?.(recordAcks);
      const windows = pulls.get(keyOf(sourceId, consumerId)) ?? [];
      // By id: an answer given twice, or for another pull's record, makes no room here.
      for (const { recordId } of recordAcks) {
        for (const window of windows) window.settle(recordId);
      }
      // As received: the last acks of a pull come when it is over and its window gone.
      return { acknowledged: BigInt(recordAcks.length) };
    },
    getWatermark: () => ({
      watermarks: source.watermarks?.() ?? [],
      sourceId: id,
    }),
  };
}

async function* pullBatches(
  { source, report, messageBytesMax }: SourceParts,
  pulls: Map<string, Set<PullWindow>>,
  request: PullRequest,
  { signal }: CallContext,
): AsyncGenerator<
  { readonly batchId: string; readonly records: MessageInit<Record>[] },
  void,
  void
> {
  const { sourceId, consumerId, start } = request;
  if (sourceId === "") {
    throw invalidArgument("sourceId", "must be a non-empty string", sourceId);
  }
  const key = keyOf(sourceId, consumerId);
  const window = new PullWindow(
    request.maxInFlight || recordsInFlightMax,
    signal,
  );
  const siblings = pulls.get(key) ?? new Set();
  pulls.set(key, siblings.add(window));
  const positions = new Map(
    start.map(({ partition, nextSequence }) => [partition, nextSequence]),
  );
  const partitions = new Set(request.partitions);
  const batchRecords = request.maxBatchRecords || pullBatchRecords;
  const bytesMax = Math.min(
    messageBytesMax,
    Number(request.maxMessageBytes) || Infinity,
  );
  let batches = 0;
  try {
    const gathered = gatheredRecords(
      wanted(
        source.pull({ sourceId, positions, partitions, signal }),
        partitions,
      ),
      () => Math.min(batchRecords, window.room),
      signal,
    );
    for await (const records of gathered) {
      const batch = { batchId: `${key}/${++batches}`, records };
      const reason = tooLarge(batch, bytesMax);
      if (reason !== undefined) {
        report(methods.pullRecords.path, reason);
        await source.acknowledge?.([rejected(records[0]!, reason)]);
        continue;
      }
      if (!await window.take(records)) return;
      yield batch;
    }
  } finally {
    siblings.delete(window);
    if (siblings.size === 0) pulls.delete(key);
  }
}

/** The records of the partitions that are wanted. */
async function* wanted(
  records: AsyncIterable<MessageInit<Record>>,
  partitions: ReadonlySet<number>,
): AsyncGenerator<MessageInit<Record>, void, void> {
  for await (const record of records) {
    requireSourceId(record);
    if (isWanted(partitions, record)) yield record;
  }
}

/** Why a batch is not received by who pulls; one of several records always is. */
function tooLarge(
  batch: MessageInit<RecordBatch>,
  bytesMax: number,
): ConveyorError | undefined {
  const [record, ...others] = batch.records!;
  if (others.length > 0 || recordBytes(record!) <= pullBatchBytes) return;
  const { length } = batchCodec.encode(batch);
  if (length <= bytesMax) return;
  return new ConveyorError(
    Code.OutOfRange,
    `Cannot send record ${
      recordKey(record!.id)
    }, which is left out: a message with it has ${length} bytes, and may have ${bytesMax}`,
  );
}

function rejected(
  { id }: MessageInit<Record>,
  { message }: ConveyorError,
): RecordAck {
  return {
    recordId: {
      sourceId: id?.sourceId ?? "",
      partition: id?.partition ?? 0,
      sequenceNumber: id?.sequenceNumber ?? 0n,
      idempotencyKey: id?.idempotencyKey ?? new Uint8Array(0),
    },
    status: AckStatus.Rejected,
    errorMessage: message,
  };
}

/** A record that nobody could acknowledge is a fault of the source, not of who pulls. */
function requireSourceId(record: MessageInit<Record> | null): void {
  if (record?.id?.sourceId) return;
  throw new ConveyorError(
    Code.Internal,
    "Cannot send a record that the source gave without id.sourceId",
  );
}

function isWanted(
  partitions: ReadonlySet<number>,
  { id }: MessageInit<Record>,
): boolean {
  return partitions.size === 0 || partitions.has(id?.partition ?? 0);
}

/** How many records one pull may still have under way. */
class PullWindow {
  readonly #max: number;
  readonly #signal: AbortSignal;
  readonly #inFlight = new Set<string>();
  #wake: (() => void) | undefined;

  constructor(max: number, signal: AbortSignal) {
    this.#max = max;
    this.#signal = signal;
    signal.addEventListener("abort", () => this.#wake?.(), { once: true });
  }

  /** At least 1, so that a batch of one can wait. */
  get room(): number {
    return Math.max(1, this.#max - this.#inFlight.size);
  }

  /** Waits until `records` more may be under way; false when the puller has left. */
  async take(records: readonly MessageInit<Record>[]): Promise<boolean> {
    while (
      this.#inFlight.size + records.length > this.#max && !this.#signal.aborted
    ) {
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
    for (const { id } of records) this.#inFlight.add(recordKey(id));
    return !this.#signal.aborted;
  }

  settle(id: RecordId | undefined): void {
    if (this.#inFlight.delete(recordKey(id))) this.#wake?.();
  }
}

function recordKey(id: MessageInit<RecordId> | undefined): string {
  return `${id?.partition ?? 0}/${id?.sequenceNumber ?? 0n}`;
}

function keyOf(sourceId: string, consumerId: string): string {
  return JSON.stringify([sourceId, consumerId]);
}
