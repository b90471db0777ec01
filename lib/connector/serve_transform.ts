/**
 * A function from record to record, served as a transform. Each record gets exactly one result: what
 * the function throws is that record's error, and the rest of its batch goes on.
 */
import type { MessageInit } from "../../proto/codec.ts";
import type { Record } from "../../proto/messages/common.ts";
import {
  type TransformResult,
  type TransformServiceMethods,
  TransformStatus,
} from "../../proto/messages/transform.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import { messageOf, quote } from "../errors.ts";
import { requiredFunction } from "../options.ts";
import type { Handlers } from "../rpc/handler.ts";
import { encodableResults } from "./encodable_results.ts";
import { inOrder } from "./in_order.ts";
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

/** A record, several, or none: it is replaced, split or filtered. A record without `id` keeps that of its origin. */
export type TransformOutput =
  | MessageInit<Record>
  | readonly MessageInit<Record>[]
  | null
  | undefined
  | void;

/** What `serveTransform` serves. */
export type TransformFunction = (
  record: Record,
  context: TransformContext,
) => TransformOutput | Promise<TransformOutput>;

/** Options of `serveTransform`. */
export interface TransformOptions extends ConnectorOptions {
  /** Record types it takes, told to who asks for its capabilities. @default all */
  readonly recordTypes?: readonly string[];
}

/**
 * Serves `transform` as a transform service with health and reflection, until it is closed or the
 * process is told to end.
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
  transform: TransformFunction,
  options: TransformOptions = {},
): Promise<Connector> {
  requiredFunction("transform", transform);
  const resolved = resolveConnectorOptions(options);
  return await serveHandlers(
    service,
    handlersOf(transform, options, resolved),
    options,
  );
}

function handlersOf(
  transform: TransformFunction,
  options: TransformOptions,
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
      const results = await inOrder(
        records,
        concurrency,
        (record) => resultOf(transform, record, { config, signal }),
      );
      return { batchId, results };
    },
    async *processStream(requests, { signal }) {
      let config = {};
      let recordsProcessed = 0n;
      for await (const { init, record, flush } of requests) {
        if (init) {
          config = init.config;
          yield {
            ready: {
              streamId: init.streamId,
              bufferCapacity: BigInt(concurrency),
            },
          };
        } else if (record) {
          requireId(record, "record");
          recordsProcessed++;
          yield {
            result: await resultOf(transform, record, { config, signal }),
          };
        } else if (flush) {
          yield { completed: { streamId: flush.streamId, recordsProcessed } };
        }
      }
    },
    getCapabilities: () => ({
      transformId: id,
      supportedRecordTypes: options.recordTypes ?? [],
      supportsStreaming: true,
    }),
  };
}

async function resultOf(
  transform: TransformFunction,
  record: Record,
  context: TransformContext,
): Promise<MessageInit<TransformResult>> {
  try {
    const output = await transform(record, context) ?? [];
    const outputs: readonly unknown[] = Array.isArray(output)
      ? output
      : [output];
    return {
      originalId: record.id,
      status: statusOf(outputs.length),
      outputRecords: outputs.map((made) => outputOf(made, record)),
    };
  } catch (error) {
    return {
      originalId: record.id,
      status: TransformStatus.Error,
      errorMessage: messageOf(error),
    };
  }
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
