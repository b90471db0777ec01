/** Calls a lookup service, and holds it to one answer per record. */
import { requiredString } from "../lib/options.ts";
import type { MessageInit } from "../proto/codec.ts";
import type { Record } from "../proto/messages/common.ts";
import type {
  BatchLookupResponse,
  Capabilities,
  LookupResponse,
  LookupServiceMethods,
} from "../proto/messages/lookup.ts";
import { type Service, serviceOf } from "../proto/service.ts";
import { AnsweredRecords } from "./answered_records.ts";
import { Channel } from "./channel.ts";
import type { ConnectOptions } from "./channel_options.ts";
import type { CallOptions, Transport } from "./transport.ts";

const service: Service<LookupServiceMethods> = serviceOf(
  "conveyor.lookup.LookupService",
);

/**
 * A client of one lookup service, in any language.
 *
 * Every method rejects with a `ConveyorError`: `InvalidArgument` for a record without identity
 * (nothing is sent), `DataLoss` for an answer that leaves a record out or names another, and the
 * service's own status otherwise.
 *
 * @example
 * ```ts
 * import { LookupClient } from "@conveyor/grpc";
 * import { serveLookup } from "@conveyor/grpc/connector";
 *
 * const names = new Map([["SEA", "Seattle"]]);
 * await using server = await serveLookup(
 *   (record) => ({ city: names.get(record.metadata.airport ?? "") ?? "unknown" }),
 *   { address: "127.0.0.1:0" },
 * );
 * await using client = await LookupClient.connect(`http://${server.address}`, "airports");
 * const answer = await client.lookup(
 *   { id: { sourceId: "flights", sequenceNumber: 1n }, metadata: { airport: "SEA" } },
 *   ["airport"],
 * );
 * console.log(new TextDecoder().decode(answer.lookupData.city)); // Seattle
 * ```
 */
export class LookupClient implements AsyncDisposable {
  readonly #transport: Transport;
  readonly #lookupId: string;

  /** A client over a transport that is connected already; `connect` is the usual way. */
  constructor(transport: Transport, lookupId: string) {
    this.#transport = transport;
    this.#lookupId = requiredString("lookupId", lookupId);
  }

  /**
   * Connects to the lookup `lookupId` at `url` (`http://`, `https://` or `unix:`).
   * Rejects with `Unavailable` when nobody answers within `connectTimeoutMs` (10 s).
   */
  static async connect(
    url: string,
    lookupId: string,
    options?: ConnectOptions,
  ): Promise<LookupClient> {
    requiredString("lookupId", lookupId);
    return new LookupClient(await Channel.connect(url, options), lookupId);
  }

  /** Looks one record up by the metadata fields in `keyFields`. */
  async lookup(
    record: MessageInit<Record>,
    keyFields: readonly string[] = [],
    options?: CallOptions,
  ): Promise<LookupResponse> {
    const method = service.methods.lookup;
    const answered = new AnsweredRecords(method.path);
    answered.send(record, "record");
    const request = {
      lookupId: this.#lookupId,
      inputRecord: record,
      keyFields,
    };
    const { message } = await this.#transport.unary(method, request, options);
    answered.settle(message.originalId);
    return message;
  }

  /** Looks many records up in one call: one result for each. */
  async batchLookup(
    records: readonly MessageInit<Record>[],
    keyFields: readonly string[] = [],
    options?: CallOptions,
  ): Promise<BatchLookupResponse> {
    const method = service.methods.batchLookup;
    const answered = new AnsweredRecords(method.path);
    answered.sendAll(records, "records");
    const request = { lookupId: this.#lookupId, records, keyFields };
    const { message } = await this.#transport.unary(method, request, options);
    for (const result of message.results) answered.settle(result.originalId);
    answered.finish();
    return message;
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
