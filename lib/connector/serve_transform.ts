/**
 * A function from record to record, served as a transform. Each record gets exactly one result: what
 * the function throws is that record's error, and the rest of its batch goes on, unless it says that the
 * service cannot work now.
 */
import type { MessageInit } from "../../proto/codec.ts";
import type { Record } from "../../proto/messages/common.ts";
import {
  type ProcessStreamRequest,
  type ProcessStreamResponse,
  type TransformResult,
  type TransformServiceMethods,
  TransformStatus,
} from "../../proto/messages/transform.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import {
  Code,
  ConveyorError,
  invalidArgument,
  messageOf,
  quote,
} from "../errors.ts";
import {
  requiredFunction,
  requiredObject,
  requiredString,
} from "../options.ts";
import type { Handlers } from "../rpc/handler.ts";
import { encodableResults } from "./encodable_results.ts";
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

const service: Service<TransformServiceMethods> = encodableResults(
  serviceOf("conveyor.transform.TransformService"),
);

/** What a transform function is told besides its record. */
export interface TransformContext {
  /** The settings of the pipeline's stage. */
  readonly config: { readonly [name: string]: string };
  /** Aborts when nobody waits for the result any more. */
  readonly signal: AbortSignal;
}

/**
 * A record, several, or `null`: it is replaced, split or filtered. A record without `id` keeps that of its
 * origin. Nothing at all, as of a function without `return`, is an error: the record would be lost.
 */
export type TransformOutput =
  | MessageInit<Record>
  | readonly MessageInit<Record>[]
  | null;

/** What `serveTransform` serves. */
export type TransformFunction = (
  record: Record,
  context: TransformContext,
) => TransformOutput | Promise<TransformOutput>;

/** A transform that works on whole batches: for models and stores that are faster with many at once. */
export interface TransformHandlers {
  /**
   * One output for each record, in their order; an `Error` in its place fails that record. A throw,
   * or another number of outputs, fails every record of the batch. A thrown `ConveyorError` fails the
   * call, and its code says what the router does: sends the batch in halves until it has found the
   * record that is to blame (`InvalidArgument`), or waits (`Unavailable`).
   */
  readonly transformBatch: (
    records: readonly Record[],
    context: TransformContext,
  ) => Promise<readonly (TransformOutput | Error)[]>;
}

/** Options of `serveTransform`. */
export interface TransformOptions extends ConnectorOptions {
  /** Record types it takes, told to who asks for its capabilities. @default all */
  readonly recordTypes?: readonly string[];
}

/**
 * Serves `transform` as a transform service with health and reflection, until it is closed or the
 * process is told to end. What the function throws is that record's error; a `ConveyorError` with
 * `Code.Unavailable` says that the service cannot work now, and fails the call: the router waits and
 * tries again.
 *
 * Rejects with `InvalidArgument` for an option out of range and `Unavailable` when the address is
 * taken.
 *
 * @example
 * ```ts
 * import { serveTransform } from "@conveyor/grpc/connector";
 *
 * await using server = await serveTransform((record) => {
 *   if (record.payload.length === 0) return null; // filtered
 *   return { ...record, recordType: record.recordType.toUpperCase() };
 * }, { address: "127.0.0.1:0" });
 * console.log(`transform on ${server.address}`);
 * ```
 */
export async function serveTransform(
  transform: TransformFunction | TransformHandlers,
  options: TransformOptions = {},
): Promise<Connector> {
  const resolved = resolveConnectorOptions(options);
  const { recordTypes = [] } = options;
  if (!Array.isArray(recordTypes)) {
    throw invalidArgument("recordTypes", "must be an array", recordTypes);
  }
  recordTypes.forEach((type, i) => requiredString(`recordTypes[${i}]`, type));
  const work = typeof transform === "function"
    ? oneByOne(transform, resolved.concurrency)
    : together(requiredObject("transform", transform));
  return await serveHandlers(
    service,
    handlersOf(work, recordTypes, resolved),
    options,
  );
}

type Result = MessageInit<TransformResult>;

/** One result for each record, unless the service cannot work at all. */
type Work = (
  records: readonly Record[],
  context: TransformContext,
) => Promise<Result[]>;

function oneByOne(transform: TransformFunction, concurrency: number): Work {
  return (records, context) =>
    inOrder(records, concurrency, async (record) => {
      try {
        return resultOf(record, await transform(record, context));
      } catch (error) {
        // The record is not to blame: the router is to wait, and not to give it up.
        if (isOutage(error)) throw error;
        return errorOf(record, error);
      }
    });
}

function isOutage(error: unknown): boolean {
  return error instanceof ConveyorError && error.code === Code.Unavailable;
}

function together({ transformBatch }: TransformHandlers): Work {
  requiredFunction("transform.transformBatch", transformBatch);
  return async (records, context) => {
    try {
      const outputs = await transformBatch(records, context);
      if (outputs.length !== records.length) {
        throw new TypeError(
          `the transform gave ${outputs.length} outputs for ${records.length} records`,
        );
      }
      return records.map((record, i) => resultOf(record, outputs[i]));
    } catch (error) {
      if (error instanceof ConveyorError) throw error;
      return records.map((record) => errorOf(record, error));
    }
  };
}

function handlersOf(
  work: Work,
  recordTypes: readonly string[],
  { id, concurrency }: ResolvedConnectorOptions,
): Handlers<TransformServiceMethods> {
  return {
    processBatch: async (
      { inputBatch, transformConfig: config },
      { signal },
    ) => {
      const { batchId, records = [] } = inputBatch ?? {};
      records.forEach((record, i) =>
        requireId(record, `inputBatch.records[${i}]`)
      );
      return { batchId, results: await work(records, { config, signal }) };
    },
    processStream: (requests, { signal }) => {
      let config = {};
      let records = 0n;
      return overlapped<
        ProcessStreamRequest,
        MessageInit<ProcessStreamResponse>
      >(requests, concurrency, ({ init, record, flush }) => {
        if (init) {
          config = init.config;
          const bufferCapacity = BigInt(concurrency);
          return () => ({
            ready: { streamId: init.streamId, bufferCapacity },
          });
        }
        if (record) {
          requireId(record, "record");
          records++;
          const results = work([record], { config, signal })
            .catch((error) => [errorOf(record, error)]);
          return async () => ({ result: (await results)[0] });
        }
        if (!flush) return undefined;
        const completed = {
          streamId: flush.streamId,
          recordsProcessed: records,
        };
        return () => ({ completed });
      });
    },
    getCapabilities: () => ({
      transformId: id,
      supportedRecordTypes: recordTypes,
      supportsStreaming: true,
    }),
  };
}

function resultOf(record: Record, output: unknown): Result {
  try {
    if (output instanceof Error) return errorOf(record, output);
    const outputs = outputsOf(output);
    return {
      originalId: record.id,
      status: statusOf(outputs.length),
      outputRecords: outputs.map((each) => outputOf(each, record)),
    };
  } catch (error) {
    return errorOf(record, error);
  }
}

function outputsOf(output: unknown): readonly unknown[] {
  if (output === null) return [];
  return Array.isArray(output) ? output : [output];
}

function errorOf(record: Record, error: unknown): Result {
  return {
    originalId: record.id,
    status: TransformStatus.Error,
    errorMessage: messageOf(error),
  };
}

/** An output as it is sent. What is no record would arrive as an empty one: its payload lost. */
function outputOf(made: unknown, origin: Record): MessageInit<Record> {
  const prototype = typeof made === "object" && made !== null
    ? Object.getPrototypeOf(made)
    : undefined;
  if (prototype !== Object.prototype && prototype !== null) {
    throw new TypeError(
      `a transform gives a record, records or null, but gave ${quote(made)}`,
    );
  }
  const record = made as MessageInit<Record>;
  return record.id?.sourceId ? record : { ...record, id: origin.id };
}

function statusOf(outputs: number): TransformStatus {
  if (outputs === 0) return TransformStatus.Filtered;
  return outputs === 1 ? TransformStatus.Success : TransformStatus.Split;
}
