/** Calls a transform service, and holds it to one result per record. */
import { requiredObject, requiredString } from "../lib/options.ts";
import type { MessageInit } from "../proto/codec.ts";
import type { RecordBatch } from "../proto/messages/common.ts";
import type {
  Capabilities,
  ProcessBatchResponse,
  ProcessStreamResponse,
  TransformResult,
  TransformServiceMethods,
} from "../proto/messages/transform.ts";
import { type Service, serviceOf } from "../proto/service.ts";
import { AnsweredRecords } from "./answered_records.ts";
import { requireCallOptions } from "./call_options.ts";
import { Channel } from "./channel.ts";
import type { ConnectOptions } from "./channel_options.ts";
import {
  exchangeRecords,
  type Records,
  type StreamAnswer,
} from "./record_stream.ts";
import type { CallOptions, Transport } from "./transport.ts";

const service: Service<TransformServiceMethods> = serviceOf(
  "conveyor.transform.TransformService",
);

/** String settings that a transform is given with its records. */
export type TransformConfig = { readonly [name: string]: string };

/** Options of `TransformClient.processStream`. */
export interface ProcessStreamOptions extends CallOptions {
  /** Handed to the transform at the start of the stream. @default {} */
  readonly config?: TransformConfig;
}

/**
 * A client of one transform service, in any language.
 *
 * Every method rejects with a `ConveyorError`: `InvalidArgument` for a record without identity
 * (nothing is sent), `ResourceExhausted` for a batch over the message bound, `DataLoss` for an answer
 * that leaves a record out or names another, and the service's own status otherwise.
 *
 * @example
 * ```ts
 * import { TransformClient } from "@conveyor/grpc";
 * import { serveTransform } from "@conveyor/grpc/connector";
 *
 * await using server = await serveTransform((record) => record, { address: "127.0.0.1:0" });
 * await using client = await TransformClient.connect(`http://${server.address}`, "my-transform");
 * const { results } = await client.processBatch({
 *   records: [{ id: { sourceId: "orders", sequenceNumber: 1n }, payload: new Uint8Array(3) }],
 * });
 * console.log(results[0]?.status); // 1: TransformStatus.Success
 * ```
 */
export class TransformClient implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #transformId: string;

  /** A client over a transport that is connected already; `connect` is the usual way. */
  constructor(transport: Transport, transformId: string) {
    this.#transport = transport;
    this.#transformId = requiredString("transformId", transformId);
  }

  /**
   * Connects to the transform `transformId` at `url` (`http://`, `https://` or `unix:`).
   * Rejects with `Unavailable` when nobody answers within `connectTimeoutMs` (10 s).
   */
  static async connect(
    url: string,
    transformId: string,
    options?: ConnectOptions,
  ): Promise<TransformClient> {
    requiredString("transformId", transformId);
    return new TransformClient(
      await Channel.connect(url, options),
      transformId,
    );
  }

  /** Has a batch transformed: one result for each record. */
  async processBatch(
    batch: MessageInit<RecordBatch>,
    config: TransformConfig = {},
    options?: CallOptions,
  ): Promise<ProcessBatchResponse> {
    const method = service.methods.processBatch;
    const answered = new AnsweredRecords(method.path);
    answered.sendAll(requiredObject("batch", batch).records, "batch.records");
    const request = {
      transformId: this.#transformId,
      inputBatch: batch,
      transformConfig: config,
    };
    const { message } = await this.#transport.unary(method, request, options);
    for (const result of message.results) answered.settle(result.originalId);
    answered.finish();
    return message;
  }

  /**
   * Has a stream of records transformed, sending no more than the service has room for. Yields the
   * results as they come; leaving the loop ends the stream.
   */
  processStream(
    records: Records,
    options: ProcessStreamOptions = {},
  ): AsyncGenerator<TransformResult, void, void> {
    const { config = {} } = requireCallOptions(options);
    const transformId = this.#transformId;
    return exchangeRecords(
      this.#transport,
      {
        method: service.methods.processStream,
        first: (streamId) => ({ init: { transformId, streamId, config } }),
        record: (record) => ({ record }),
        last: (streamId) => ({ flush: { streamId } }),
        read: readAnswer,
      },
      records,
      options,
    );
  }

  /** What the service says of itself. */
  async getCapabilities(options?: CallOptions): Promise<Capabilities> {
    const { getCapabilities } = service.methods;
    return (await this.#transport.unary(getCapabilities, {}, options)).message;
  }

  /** Ends the connection; calls under way are cancelled. Idempotent. */
  close(): Promise<void> {
    return this.#transport.close();
  }

  /** The same as `close`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function readAnswer(
  { ready, result, completed }: ProcessStreamResponse,
): StreamAnswer<TransformResult> {
  if (ready) return { kind: "ready", credits: ready.bufferCapacity };
  if (result) return { kind: "result", id: result.originalId, result };
  return { kind: completed ? "done" : "other" };
}
