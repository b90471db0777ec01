/**
 * The rules a node's configuration must keep, checked once before it starts: every one of them
 * would otherwise show as a group that never elects, never sends, or never takes a proposal.
 */
import { invalidArgument } from "../errors.ts";
import type { Config } from "./types.ts";

/** Throws ConveyorError (InvalidArgument) that names the first option that breaks its rule. */
export function checkConfig(config: Config): void {
  const { id, electionTicks, heartbeatTicks } = config;
  if (!isPositive(id)) {
    throw invalidArgument("id", "must be a positive integer", id);
  }
  if (!isPositive(heartbeatTicks)) {
    throw invalidArgument(
      "heartbeatTicks",
      "must be a positive integer",
      heartbeatTicks,
    );
  }
  if (!isPositive(electionTicks) || electionTicks <= heartbeatTicks) {
    throw invalidArgument(
      "electionTicks",
      "must be an integer above heartbeatTicks",
      electionTicks,
    );
  }
  for (const name of bounds) {
    const value = config[name];
    if (value !== Infinity && !isPositive(value)) {
      throw invalidArgument(
        name,
        "must be a positive integer or Infinity",
        value,
      );
    }
  }
}

const bounds = [
  "maxBytesPerMessage",
  "maxInflightMessages",
  "maxInflightBytes",
  "maxCommittedBytesPerReady",
  "maxUncommittedBytes",
  "maxPendingReads",
] as const;

function isPositive(value: number): boolean {
  return Number.isSafeInteger(value) && value > 0;
}
