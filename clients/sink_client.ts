/** Calls a sink service, and holds it to one result per record. */
import { requiredObject, requiredString } from "../lib/options.ts";
import type { MessageInit } from "../proto/codec.ts";
import type { RecordBatch } from "../proto/messages/common.ts";
import type {
  CapacityResponse,
  FlushResponse,
  RecordWriteResult,
  SinkServiceMethods,
  WriteBatchResponse,
  WriteOptions,
  WriteStreamResponse,
} from "../proto/messages/sink.ts";
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

const service: Service<SinkServiceMethods> = serviceOf(
  "conveyor.sink.SinkService",
);

/** Options of `SinkClient.writeStream`. */
export interface WriteStreamOptions extends CallOptions {
  /** Handed to the sink at the start of the stream. @default { requireAck: true } */
  readonly write?: MessageInit<WriteOptions>;
}

/**
 * A client of one sink service, in any language.
 *
 * Every method rejects with a `ConveyorError`: `InvalidArgument` for a record without identity
 * (nothing is sent), `ResourceExhausted` for a batch over the message bound, `DataLoss` for an answer
 * that leaves a record out or names another, and the service's own status otherwise. That a record
 * was refused is no error of the call: its result says so.
 *
 * @example
 * ```ts
 * import { SinkClient } from "@conveyor/grpc";
 * import { serveSink } from "@conveyor/grpc/connector";
 *
 * const stored: Uint8Array[] = [];
 * await using server = await serveSink((record) => void stored.push(record.payload), {
 *   address: "127.0.0.1:0",
 * });
 * await using client = await SinkClient.connect(`http://${server.address}`, "archive");
 * const { results } = await client.writeBatch({
 *   records: [{ id: { sourceId: "orders", sequenceNumber: 1n }, payload: new Uint8Array(3) }],
 * });
 * console.log(results[0]?.success, stored.length); // true 1
 * ```
 */
export class SinkClient implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #sinkId: string;

  /** A client over a transport that is connected already; `connect` is the usual way. */
  constructor(transport: Transport, sinkId: string) {
    this.#transport = transport;
    this.#sinkId = requiredString("sinkId", sinkId);
  }

  /**
   * Connects to the sink `sinkId` at `url` (`http://`, `https://` or `unix:`).
   * Rejects with `Unavailable` when nobody answers within `connectTimeoutMs` (10 s).
   */
  static async connect(
    url: string,
    sinkId: string,
    options?: ConnectOptions,
  ): Promise<SinkClient> {
    requiredString("sinkId", sinkId);
    return new SinkClient(await Channel.connect(url, options), sinkId);
  }

  /**
   * Writes a batch: one result for each record. Only a sink that was told `requireAck: false` may
   * leave all results out; the status of the batch then speaks for every record.
   */
  async writeBatch(
    batch: MessageInit<RecordBatch>,
    write: MessageInit<WriteOptions> = {},
    options?: CallOptions,
  ): Promise<WriteBatchResponse> {
    const method = service.methods.writeBatch;
    const answered = new AnsweredRecords(method.path);
    answered.sendAll(requiredObject("batch", batch).records, "batch.records");
    requiredObject("write", write);
    const request = {
      sinkId: this.#sinkId,
      batch,
      options: { requireAck: true, ...write },
    };
    const { message } = await this.#transport.unary(method, request, options);
    if (write.requireAck === false && message.results.length === 0) {
      return message;
    }
    for (const result of message.results) answered.settle(result.recordId);
    answered.finish();
    return message;
  }

  /**
   * Writes a stream of records, sending no more than the sink has room for, and commits at its end.
   * Yields the results as they come; the loop ends once the sink has acknowledged the commit, and
   * leaving it earlier ends the stream without one.
   */
  writeStream(
    records: Records,
    options: WriteStreamOptions = {},
  ): AsyncGenerator<RecordWriteResult, void, void> {
    const sinkId = this.#sinkId;
    const { write = {} } = requireCallOptions(options);
    requiredObject("write", write);
    return exchangeRecords(
      this.#transport,
      {
        method: service.methods.writeStream,
        first: (streamId) => ({
          init: { sinkId, streamId, options: { requireAck: true, ...write } },
        }),
        record: (record) => ({ record }),
        last: (streamId, upToSequence) => ({
          commit: { streamId, upToSequence },
        }),
        read: readAnswer,
      },
      records,
      options,
    );
  }

  /** Has the sink make durable what it holds: with `wait`, answers once it has, else at once. */
  async flush(wait = true, options?: CallOptions): Promise<FlushResponse> {
    const request = { sinkId: this.#sinkId, waitForCompletion: wait };
    return (await this.#transport.unary(
      service.methods.flush,
      request,
      options,
    )).message;
  }

  /** What the sink can take now. */
  async getCapacity(options?: CallOptions): Promise<CapacityResponse> {
    return (await this.#transport.unary(
      service.methods.getCapacity,
      {},
      options,
    )).message;
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
  { ready, result, commitAck, backpressure }: WriteStreamResponse,
): StreamAnswer<RecordWriteResult> {
  if (ready) return { kind: "ready", credits: ready.initialCredits };
  if (result) return { kind: "result", id: result.recordId, result };
  if (commitAck) {
    return { kind: "done", upToSequence: commitAck.committedSequence };
  }
  if (!backpressure) return { kind: "other" };
  const { availableCredits: credits, waitMs } = backpressure;
  return { kind: "limit", credits, waitMs };
}
