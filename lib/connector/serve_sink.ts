/**
 * A function that stores a record, or many, served as a sink. Each record gets exactly one result:
 * what the function throws is that record's failure, to be tried again unless the error blames the
 * record itself.
 */
import type { MessageInit } from "../../proto/codec.ts";
import type { Record } from "../../proto/messages/common.ts";
import {
  type CapacityResponse,
  type RecordWriteResult,
  type SinkServiceMethods,
  type WriteOptions,
  WriteStatus,
  type WriteStreamRequest,
  type WriteStreamResponse,
} from "../../proto/messages/sink.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import { blame } from "../delivery/retry.ts";
import { ConveyorError, invalidArgument, messageOf } from "../errors.ts";
import { optionalFunctions, requiredObject } from "../options.ts";
import type { Handlers } from "../rpc/handler.ts";
import { inOrder } from "./in_order.ts";
import { overlapped } from "../rpc/overlapped.ts";
import { requireId } from "./require_id.ts";
import {
  type Connector,
  type ConnectorOptions,
  resolveConnectorOptions,
  type ResolvedConnectorOptions,
  serveHandlers,
} from "./serve.ts";
import { SinkFlush } from "./sink_flush.ts";

const service: Service<SinkServiceMethods> = serviceOf(
  "conveyor.sink.SinkService",
);

/** What a sink function is told besides its records. */
export interface SinkContext {
  /** The router's wishes: guarantee, time-out. */
  readonly options: WriteOptions | undefined;
  /** Aborts when nobody waits for the result any more. */
  readonly signal: AbortSignal;
}

/** Stores one record; the record is written once this resolves. */
export type SinkFunction = (
  record: Record,
  context: SinkContext,
) => void | Promise<void>;

/** A sink with more to say than one function: give `write` or `writeBatch`. */
export interface SinkHandlers {
  /** Stores one record. */
  readonly write?: SinkFunction;
  /**
   * Stores a whole batch. To fail some of it, resolve with their errors: one element per record,
   * `undefined` where it was written. A throw fails every record. A thrown `ConveyorError` fails the
   * call, and its code says what the router does: sends the batch in halves until it has found the
   * record that is to blame (`InvalidArgument`), or waits (`Unavailable`).
   */
  readonly writeBatch?: (
    records: readonly Record[],
    context: SinkContext,
  ) => Promise<readonly (Error | undefined)[] | void>;
  /**
   * Makes durable what is still held; resolves with the number of records. Called for a commit once
   * the records before it are written, and for a flush once all writes under way are, unless the
   * caller does not want to wait. @default nothing is held
   */
  readonly flush?: () => Promise<bigint>;
  /**
   * What it can take now, and, with `exactlyOnce`, that it drops records whose `idempotencyKey` it has:
   * sidecars that find the sink then send one with each. @default no bound is stated
   */
  readonly capacity?: () =>
    | MessageInit<CapacityResponse>
    | Promise<MessageInit<CapacityResponse>>;
}

/**
 * Serves `sink` as a sink service with health and reflection, until it is closed or the process is
 * told to end. A thrown error leaves the record to be tried again, except a `ConveyorError` whose
 * code blames the record (`InvalidArgument`, `OutOfRange`, `DataLoss`).
 *
 * Rejects with `InvalidArgument` for an option out of range and `Unavailable` when the address is
 * taken.
 *
 * @example
 * ```ts
 * import { serveSink } from "@conveyor/grpc/connector";
 *
 * const lines: string[] = [];
 * await using server = await serveSink((record) => {
 *   lines.push(new TextDecoder().decode(record.payload));
 * }, { address: "127.0.0.1:0" });
 * console.log(`sink on ${server.address}`);
 * ```
 */
export async function serveSink(
  sink: SinkFunction | SinkHandlers,
  options: ConnectorOptions = {},
): Promise<Connector> {
  const resolved = resolveConnectorOptions(options);
  const handlers = typeof sink === "function"
    ? { write: sink }
    : requiredObject("sink", sink);
  if (Boolean(handlers.write) === Boolean(handlers.writeBatch)) {
    throw invalidArgument(
      "sink",
      'must have either "write" or "writeBatch"',
      handlers,
    );
  }
  optionalFunctions(
    "sink",
    handlers,
    "write",
    "writeBatch",
    "flush",
    "capacity",
  );
  // Sidecars that find the sink hear of it what routers hear where it registers.
  const { capabilities = [] } = options.register?.service ?? {};
  const exactlyOnce = capabilities.includes("exactly_once");
  return await serveHandlers(
    service,
    handlersOf(handlers, resolved, exactlyOnce),
    options,
  );
}

type Outcome = MessageInit<RecordWriteResult> & { readonly success: boolean };

function handlersOf(
  sink: SinkHandlers,
  { id, concurrency, report }: ResolvedConnectorOptions,
  exactlyOnce: boolean,
): Handlers<SinkServiceMethods> {
  const flushes = new SinkFlush(
    async () => await sink.flush?.() ?? 0n,
    (error) => report(service.methods.flush.path, error),
  );
  const write = (
    records: readonly Record[],
    context: SinkContext,
  ): Promise<Outcome[]> =>
    flushes.during(
      sink.writeBatch
        ? writeTogether(sink.writeBatch, records, context)
        : inOrder(
          records,
          concurrency,
          (record) => writeOne(sink.write!, record, context),
        ),
    );
  return {
    writeBatch: async ({ batch, options }, { signal }) => {
      const records = batch?.records ?? [];
      records.forEach((record, i) => requireId(record, `batch.records[${i}]`));
      const results = await write(records, { options, signal });
      return { batchId: batch?.batchId, status: statusOf(results), results };
    },
    writeStream: (requests, { signal }) => {
      let options: WriteOptions | undefined;
      return overlapped<WriteStreamRequest, MessageInit<WriteStreamResponse>>(
        requests,
        concurrency,
        ({ init, record, commit }) => {
          if (init) {
            options = init.options;
            const initialCredits = BigInt(concurrency);
            return () => ({
              ready: { streamId: init.streamId, initialCredits },
            });
          }
          if (record) {
            requireId(record, "record");
            const results = write([record], { options, signal })
              .catch((error) => [failed(record, error)]);
            return async () => ({ result: (await results)[0] });
          }
          if (!commit) return undefined;
          const { streamId, upToSequence: committedSequence } = commit;
          return async () => {
            await sink.flush?.();
            return { commitAck: { streamId, committedSequence } };
          };
        },
      );
    },
    flush: async ({ waitForCompletion }) => {
      if (!waitForCompletion) {
        flushes.begin();
        return { success: true };
      }
      return { success: true, flushedRecords: await flushes.complete() };
    },
    getCapacity: async () => ({
      sinkId: id,
      exactlyOnce,
      ...await sink.capacity?.(),
    }),
  };
}

async function writeOne(
  write: SinkFunction,
  record: Record,
  context: SinkContext,
): Promise<Outcome> {
  try {
    await write(record, context);
    return written(record);
  } catch (error) {
    return failed(record, error);
  }
}

async function writeTogether(
  writeBatch: NonNullable<SinkHandlers["writeBatch"]>,
  records: readonly Record[],
  context: SinkContext,
): Promise<Outcome[]> {
  try {
    const errors = await writeBatch(records, context);
    if (errors && errors.length !== records.length) {
      throw new TypeError(
        `the sink answered for ${errors.length} of ${records.length} records: nobody can tell which were written`,
      );
    }
    return records.map((record, i) => {
      const error = errors?.[i] ?? undefined;
      return error === undefined ? written(record) : failed(record, error);
    });
  } catch (error) {
    if (error instanceof ConveyorError) throw error;
    return records.map((record) => failed(record, error));
  }
}

function written(record: Record): Outcome {
  return { recordId: record.id, success: true };
}

/** `error` is whatever was thrown, `undefined` included. */
function failed(record: Record, error: unknown): Outcome {
  return {
    recordId: record.id,
    success: false,
    error: messageOf(error),
    retryable: !(error instanceof ConveyorError) ||
      blame(error.code) !== "record",
  };
}

function statusOf(results: readonly Outcome[]): WriteStatus {
  const written = results.filter(({ success }) => success).length;
  if (written === results.length) return WriteStatus.Success;
  return written === 0 ? WriteStatus.Failed : WriteStatus.Partial;
}
