/**
 * A stream of records, served as a source that a router pulls from. No more records are under way
 * than the router allows: what it has acknowledged makes room for more.
 */
import type { MessageInit } from "../../proto/codec.ts";
import type {
  Record,
  RecordId,
  Watermark,
} from "../../proto/messages/common.ts";
import type {
  PullRequest,
  RecordAck,
  SourceServiceMethods,
} from "../../proto/messages/source.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import { Code, ConveyorError, invalidArgument } from "../errors.ts";
import {
  integerOption,
  optionalFunctions,
  requiredFunction,
  requiredObject,
} from "../options.ts";
import {
  pullBatchBytes,
  pullBatchRecords,
  pullPartitionsMax,
  recordsInFlightMax,
} from "../limits.ts";
import type { CallContext, Handlers } from "../rpc/handler.ts";
import { partitionsLabel } from "../state/pull_shares.ts";
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
  /** Told what became of records. @default nothing is done */
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
  return await serveHandlers(service, handlersOf(handlers, resolved), {
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

function handlersOf(
  source: SourceHandlers,
  { id }: ResolvedConnectorOptions,
): Handlers<SourceServiceMethods> {
  const pulls = new Map<string, Set<PullWindow>>();
  return {
    pullRecords: (request, context) =>
      pullBatches(source, pulls, request, context),
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
  source: SourceHandlers,
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
  let batches = 0;
  try {
    let records: MessageInit<Record>[] = [];
    let bytes = 0;
    for await (
      const record of inReach(
        source.pull({ sourceId, positions, partitions, signal }),
        signal,
      )
    ) {
      if (record !== pause) {
        requireSourceId(record);
        if (!isWanted(partitions, record)) continue;
        records.push(record);
        bytes += record.payload?.length ?? 0;
      }
      const full = records.length >= batchRecords ||
        records.length >= window.room || bytes >= pullBatchBytes;
      if (records.length === 0 || !(full || record === pause)) continue;
      if (!await window.take(records)) return;
      yield { batchId: `${key}/${++batches}`, records };
      records = [];
      bytes = 0;
    }
    if (records.length > 0 && await window.take(records)) {
      yield { batchId: `${key}/${++batches}`, records };
    }
  } finally {
    siblings.delete(window);
    if (siblings.size === 0) pulls.delete(key);
  }
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

/** Stands between records where the source has to be waited for: what is gathered may leave. */
const pause = Symbol("pause");

/**
 * The records of `source`, with a `pause` wherever the next one is not there at once, until `signal`
 * aborts: a source that looks at no signal must not keep the call.
 */
async function* inReach<T>(
  source: AsyncIterable<T>,
  signal: AbortSignal,
): AsyncGenerator<T | typeof pause, void, void> {
  const iterator = source[Symbol.asyncIterator]();
  const left = Promise.withResolvers<typeof pause>();
  const onAbort = (): void => left.resolve(pause);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    while (!signal.aborted) {
      const next = iterator.next();
      const turn = Promise.withResolvers<typeof pause>();
      const timer = setTimeout(() => turn.resolve(pause), 0);
      let first = await Promise.race([next, turn.promise, left.promise]);
      clearTimeout(timer);
      if (first === pause) {
        yield pause;
        first = await Promise.race([next, left.promise]);
      }
      if (first === pause || first.done) return;
      yield first.value;
    }
  } finally {
    signal.removeEventListener("abort", onAbort);
    // Not awaited: an iterator that waits for its next record returns only after it.
    iterator.return?.().catch(() => {});
  }
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
