/** How much of each kind the core of a node may have under way at once. */
import {
  appendBytesInFlightMax,
  appendBytesMax,
  appendsInFlightMax,
  applyingBytesMax,
  readRoundsMax,
  uncommittedBytesMax,
} from "../limits.ts";
import type { Config } from "../raft/types.ts";

/** The bounds among the options of a core. */
export type CoreBounds = Pick<
  Config,
  | "maxBytesPerMessage"
  | "maxInflightMessages"
  | "maxInflightBytes"
  | "maxCommittedBytesPerReady"
  | "maxUncommittedBytes"
  | "maxPendingReads"
>;

/** Those that a node runs with. */
export const coreBounds: CoreBounds = {
  maxBytesPerMessage: appendBytesMax,
  maxInflightMessages: appendsInFlightMax,
  maxInflightBytes: appendBytesInFlightMax,
  maxCommittedBytesPerReady: applyingBytesMax,
  maxUncommittedBytes: uncommittedBytesMax,
  maxPendingReads: readRoundsMax,
};
