/** Calls a sink service, and holds it to one result per record. */
import { requiredString } from "../lib/options.ts";
import { Code, ConveyorError } from "../lib/errors.ts";
import type { MessageInit } from "../proto/codec.ts";
import type { Record, RecordBatch } from "../proto/messages/common.ts";
import type {
  CapacityResponse,
  FlushResponse,
  RecordWriteResult,
  SinkServiceMethods,
  WriteBatchResponse,
  WriteOptions,
  WriteStreamRequest,
} from "../proto/messages/sink.ts";
import { type Service, serviceOf } from "../proto/service.ts";
import { AnsweredRecords } from "./answered_records.ts";
import { Channel } from "./channel.ts";
import type { ConnectOptions } from "./channel_options.ts";
import { RecordWindow } from "./record_window.ts";
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
    batch.records?.forEach((record, i) =>
      answered.send(record, `batch.records[${i}]`)
    );
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
  async *writeStream(
    records: AsyncIterable<MessageInit<Record>> | Iterable<MessageInit<Record>>,
    options: WriteStreamOptions = {},
  ): AsyncGenerator<RecordWriteResult, void, void> {
    const method = service.methods.writeStream;
    const window = new RecordWindow(method.path);
    const requests = this.#streamRequests(records, window, options.write ?? {});
    let committed = false;
    try {
      for await (
        const answer of this.#transport.stream(method, requests, options)
      ) {
        if (answer.ready) {
          window.open(answer.ready.initialCredits);
        } else if (answer.backpressure) {
          const { availableCredits, waitMs } = answer.backpressure;
          window.limit(availableCredits, waitMs);
        } else if (answer.result) {
          window.settle(answer.result.recordId);
          yield answer.result;
        } else if (answer.commitAck) {
          committed = true;
          break;
        }
      }
      window.finish();
      if (!committed) {
        throw new ConveyorError(
          Code.DataLoss,
          `Cannot trust the answer of "${method.path}": it ended without a commit`,
        );
      }
    } finally {
      window.end();
    }
  }

  async *#streamRequests(
    records: AsyncIterable<MessageInit<Record>> | Iterable<MessageInit<Record>>,
    window: RecordWindow,
    write: MessageInit<WriteOptions>,
  ): AsyncGenerator<MessageInit<WriteStreamRequest>, void, void> {
    const streamId = crypto.randomUUID();
    let upToSequence = 0n;
    yield {
      init: {
        sinkId: this.#sinkId,
        streamId,
        options: { requireAck: true, ...write },
      },
    };
    for await (const record of records) {
      if (!await window.send(record, "record")) return;
      const sequence = record.id?.sequenceNumber ?? 0n;
      if (sequence > upToSequence) upToSequence = sequence;
      yield { record };
    }
    yield { commit: { streamId, upToSequence } };
    await window.ended();
  }

  /** Has the sink make durable what it holds; with `wait`, answers once it has. */
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
