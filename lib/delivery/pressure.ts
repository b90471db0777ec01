/**
 * How full a bound is, as the levels that a source is told: from 60, 80, 90 and 95 %. A level is left
 * only some way below where it was entered, so that a source at a limit is not told twice a batch.
 */
import type { BackpressureLevel } from "../../proto/messages/source.ts";
import { pressureHysteresis, pressureThresholds } from "../limits.ts";

/** Numbers of BackpressureLevel; the enum itself is a value of the wire contract. */
const critical: BackpressureLevel = 4;

/** The level at `fraction` of the bound, where it was `before`. */
export function pressureLevel(
  fraction: number,
  before: BackpressureLevel,
): BackpressureLevel {
  let level = levelAt(fraction);
  if (level < before) {
    level = Math.min(before, levelAt(fraction + pressureHysteresis));
  }
  return level;
}

/** Whether a source at this level is to send nothing. */
export function pauses(level: BackpressureLevel): boolean {
  return level === critical;
}

function levelAt(fraction: number): BackpressureLevel {
  let level = 0;
  while (
    level < pressureThresholds.length && fraction >= pressureThresholds[level]!
  ) level++;
  return level;
}
