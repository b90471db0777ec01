/** The bounds of the flow that a user may set. */
import {
  bufferBytesMax,
  bufferRecordsMax,
  creditTtlMs,
  creditWindowRecords,
  offsetCommitMs,
  offsetCommitRecords,
  partitionsTrackedMax,
  refusedHoldMs,
  sourceBytesMax,
  sourceRecordsMax,
} from "../limits.ts";
import type { BufferBounds } from "../delivery/buffer.ts";
import { invalidArgument } from "../errors.ts";
import { integerOption, timeOption } from "../options.ts";

/** Options of the flow. */
export interface FlowOptions {
  /** Records of all sources that are not settled. @default 1000000 */
  readonly bufferRecordsMax?: number;
  /** Bytes that they, and what is made of them, take. @default 536870912 */
  readonly bufferBytesMax?: number;
  /** Records of one source that are not settled; at most bufferRecordsMax. @default 100000, or that */
  readonly sourceRecordsMax?: number;
  /** Bytes that they take; at most bufferBytesMax. @default 134217728, or that */
  readonly sourceBytesMax?: number;
  /** Records that one push stream may have under way and credit for. @default 20000 */
  readonly creditWindowRecords?: number;
  /** Time after which credit lapses, in ms. @default 60000 */
  readonly creditTtlMs?: number;
  /** For how long a rejected record may be sent again without being taken for a duplicate, in ms. @default 60000 */
  readonly refusedHoldMs?: number;
  /** Partitions whose records are told from duplicates at one time. @default 200000 */
  readonly partitionsTrackedMax?: number;
  /** Offsets are committed after this, in ms. @default 200 */
  readonly offsetCommitMs?: number;
  /** Or after so many settled records. @default 10000 */
  readonly offsetCommitRecords?: number;
}

/** The options with their defaults. */
export interface ResolvedFlowOptions {
  readonly bounds: BufferBounds;
  readonly creditWindowRecords: number;
  readonly creditTtlMs: number;
  readonly refusedHoldMs: number;
  readonly partitionsTrackedMax: number;
  readonly offsetCommitMs: number;
  readonly offsetCommitRecords: number;
}

/**
 * Fills the defaults in; refuses values out of range by name. The bound of one source is at most that of
 * all: its default gives way, a value that says otherwise is refused.
 */
export function resolveFlowOptions(
  options: FlowOptions = {},
): ResolvedFlowOptions {
  const count = (
    name: keyof FlowOptions,
    fallback: number,
    max?: number,
  ): number => integerOption(name, options[name], fallback, 1, max);
  const within = (
    name: keyof FlowOptions,
    fallback: number,
    total: keyof FlowOptions,
    max: number,
  ): number => {
    const value = count(name, Math.min(fallback, max));
    if (value <= max) return value;
    const rule = `must be at most "${total}", which is ${max}`;
    throw invalidArgument(name, rule, value);
  };
  const recordsMax = count("bufferRecordsMax", bufferRecordsMax, 2 ** 30);
  const bytesMax = count("bufferBytesMax", bufferBytesMax);
  return {
    bounds: {
      recordsMax,
      bytesMax,
      sourceRecordsMax: within(
        "sourceRecordsMax",
        sourceRecordsMax,
        "bufferRecordsMax",
        recordsMax,
      ),
      sourceBytesMax: within(
        "sourceBytesMax",
        sourceBytesMax,
        "bufferBytesMax",
        bytesMax,
      ),
    },
    creditWindowRecords: count("creditWindowRecords", creditWindowRecords),
    creditTtlMs: timeOption("creditTtlMs", options.creditTtlMs, creditTtlMs),
    refusedHoldMs: timeOption(
      "refusedHoldMs",
      options.refusedHoldMs,
      refusedHoldMs,
    ),
    partitionsTrackedMax: count("partitionsTrackedMax", partitionsTrackedMax),
    offsetCommitMs: timeOption(
      "offsetCommitMs",
      options.offsetCommitMs,
      offsetCommitMs,
    ),
    offsetCommitRecords: count("offsetCommitRecords", offsetCommitRecords),
  };
}
