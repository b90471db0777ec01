/**
 * How a node times its elections and bounds its log, resolved once. All nodes of a cluster should
 * have the same times; they may differ for a while, as when they are changed one after another.
 */
import {
  electionTimeoutMs,
  heartbeatIntervalMs,
  logTailEntries,
  snapshotLogBytes,
} from "../limits.ts";
import { invalidArgument } from "../errors.ts";
import { integerOption, timeOption } from "../options.ts";

/** Options of a node's part in the cluster. */
export interface ConsensusOptions {
  /** Pause between two heartbeats of the leader, in ms. @default 100 */
  readonly heartbeatIntervalMs?: number;
  /**
   * Time without a leader before a node runs for it, in ms; drawn anew each time from once to twice
   * this. @default 1000
   */
  readonly electionTimeoutMs?: number;
  /** Bytes of log after which the state is written as a snapshot. @default 33554432 (32 MiB) */
  readonly snapshotLogBytes?: number;
  /** Entries kept behind a snapshot, so that a node a little behind needs none. @default 10000 */
  readonly logTailEntries?: number;
}

/** Options with their defaults, in ticks where Raft counts ticks. */
export interface ConsensusSettings {
  readonly tickMs: number;
  readonly heartbeatTicks: number;
  readonly electionTicks: number;
  readonly snapshotLogBytes: number;
  readonly logTailEntries: number;
}

/** Ticks in one heartbeat interval: the grain in which election timeouts differ from each other. */
const ticksPerHeartbeat = 5;

/** Checks `options` and fills in the defaults. */
export function resolveConsensusOptions(
  options: ConsensusOptions = {},
): ConsensusSettings {
  const heartbeatMs = timeOption(
    "heartbeatIntervalMs",
    options.heartbeatIntervalMs,
    heartbeatIntervalMs,
    ticksPerHeartbeat,
  );
  const electionMs = timeOption(
    "electionTimeoutMs",
    options.electionTimeoutMs,
    Math.max(electionTimeoutMs, 2 * heartbeatMs),
  );
  if (electionMs < 2 * heartbeatMs) {
    throw invalidArgument(
      "electionTimeoutMs",
      `must be at least twice "heartbeatIntervalMs", which is ${heartbeatMs}`,
      electionMs,
    );
  }
  const tickMs = heartbeatMs / ticksPerHeartbeat;
  return {
    tickMs,
    heartbeatTicks: ticksPerHeartbeat,
    electionTicks: Math.round(electionMs / tickMs),
    snapshotLogBytes: integerOption(
      "snapshotLogBytes",
      options.snapshotLogBytes,
      snapshotLogBytes,
      1,
    ),
    logTailEntries: integerOption(
      "logTailEntries",
      options.logTailEntries,
      logTailEntries,
      0,
    ),
  };
}
