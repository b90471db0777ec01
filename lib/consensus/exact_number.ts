/**
 * The uint64s of the cluster's protocol as numbers of the core: terms, indexes and ids are counted
 * one by one and stay below 2^53 for ever; what is above is damage or an attack.
 */
import { invalidArgument } from "../errors.ts";

/** `value` as a number; InvalidArgument that names `field` when it would not be exact. */
export function exactNumber(field: string, value: bigint): number {
  if (value <= BigInt(Number.MAX_SAFE_INTEGER)) return Number(value);
  throw invalidArgument(field, "must be below 2^53", value);
}
