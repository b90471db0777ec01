/**
 * A function from record to what is known about it, served as a lookup. Each record gets exactly one
 * answer.
 */
import type { MessageInit } from "../../proto/codec.ts";
import type { Record } from "../../proto/messages/common.ts";
import {
  type LookupResponse,
  type LookupServiceMethods,
  LookupStatus,
} from "../../proto/messages/lookup.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import { systemClock } from "../clock.ts";
import { invalidArgument, messageOf, quote } from "../errors.ts";
import { requiredFunction } from "../options.ts";
import type { Handlers } from "../rpc/handler.ts";
import { inOrder } from "./in_order.ts";
import { requireId } from "./require_id.ts";
import {
  type Connector,
  type ConnectorOptions,
  resolveConnectorOptions,
  type ResolvedConnectorOptions,
  serveHandlers,
} from "./serve.ts";

const service: Service<LookupServiceMethods> = serviceOf(
  "conveyor.lookup.LookupService",
);

/** What a lookup found, by name; `null` or `undefined` where it knows nothing. */
export type LookupOutput =
  | { readonly [name: string]: string | Uint8Array }
  | null
  | undefined;

/** What `serveLookup` serves. `keyFields` name the metadata that the pipeline looks up by. */
export type LookupFunction = (
  record: Record,
  keyFields: readonly string[],
  signal: AbortSignal,
) => LookupOutput | Promise<LookupOutput>;

/**
 * Serves `lookup` as a lookup service with health and reflection, until it is closed or the process
 * is told to end.
 *
 * Rejects with `InvalidArgument` for an option out of range and `Unavailable` when the address is
 * taken.
 *
 * @example
 * ```ts
 * import { serveLookup } from "@conveyor/grpc/connector";
 *
 * const cities = new Map([["SEA", "Seattle"]]);
 * await using server = await serveLookup((record) => {
 *   const city = cities.get(record.metadata.airport ?? "");
 *   return city === undefined ? null : { city };
 * }, { address: "127.0.0.1:0" });
 * console.log(`lookup on ${server.address}`);
 * ```
 */
export async function serveLookup(
  lookup: LookupFunction,
  options: ConnectorOptions = {},
): Promise<Connector> {
  requiredFunction("lookup", lookup);
  const resolved = resolveConnectorOptions(options);
  return await serveHandlers(service, handlersOf(lookup, resolved), options);
}

function handlersOf(
  lookup: LookupFunction,
  { id, concurrency }: ResolvedConnectorOptions,
): Handlers<LookupServiceMethods> {
  return {
    lookup: ({ inputRecord, keyFields }, { signal }) => {
      if (!inputRecord) {
        throw invalidArgument("inputRecord", "must be set", inputRecord);
      }
      requireId(inputRecord, "inputRecord");
      return answerOf(lookup, inputRecord, keyFields, signal);
    },
    batchLookup: async ({ records, keyFields }, { signal }) => {
      records.forEach((record, i) => requireId(record, `records[${i}]`));
      const results = await inOrder(
        records,
        concurrency,
        (record) => answerOf(lookup, record, keyFields, signal),
      );
      return { results, stats: statsOf(results) };
    },
    getCapabilities: () => ({ lookupId: id, supportsBatch: true }),
  };
}

type Answered = MessageInit<LookupResponse> & {
  readonly status: LookupStatus;
  readonly latencyUs: bigint;
};

async function answerOf(
  lookup: LookupFunction,
  record: Record,
  keyFields: readonly string[],
  signal: AbortSignal,
): Promise<Answered> {
  const startMs = systemClock.monotonicMs();
  const answered = (
    status: LookupStatus,
    more: MessageInit<LookupResponse>,
  ): Answered => ({
    ...more,
    originalId: record.id,
    status,
    latencyUs: BigInt(
      Math.round((systemClock.monotonicMs() - startMs) * 1_000),
    ),
  });
  try {
    const found = await lookup(record, keyFields, signal);
    if (found === null || found === undefined) {
      return answered(LookupStatus.NotFound, {});
    }
    if (typeof found !== "object") {
      throw new TypeError(
        `a lookup gives an object or null, but gave ${quote(found)}`,
      );
    }
    const lookupData = Object.fromEntries(
      Object.entries(found).map(([name, value]) => [name, bytesOf(value)]),
    );
    return answered(LookupStatus.Found, { lookupData });
  } catch (error) {
    const errorMessage = messageOf(error);
    return answered(LookupStatus.Error, { errorMessage });
  }
}

const encoder = new TextEncoder();

function bytesOf(value: string | Uint8Array): Uint8Array {
  if (value instanceof Uint8Array) return value;
  if (typeof value === "string") return encoder.encode(value);
  throw new TypeError(
    `a lookup gives strings and bytes, but gave ${quote(value)}`,
  );
}

function statsOf(results: readonly Answered[]): object {
  const count = (status: LookupStatus): number =>
    results.filter((result) => result.status === status).length;
  const totalUs = results.reduce((sum, { latencyUs }) => sum + latencyUs, 0n);
  return {
    found: count(LookupStatus.Found),
    notFound: count(LookupStatus.NotFound),
    errors: count(LookupStatus.Error),
    avgLatencyUs: results.length === 0 ? 0n : totalUs / BigInt(results.length),
  };
}
