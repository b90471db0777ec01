/** Times of the wire as milliseconds, which is how everything inside counts, and back. */
import type { Duration, Timestamp } from "../../proto/messages/google.ts";

/** A length of time. */
export function durationOf(ms: number): Duration {
  const whole = Math.trunc(ms);
  return {
    seconds: BigInt(Math.trunc(whole / 1_000)),
    nanos: (whole % 1_000) * 1_000_000,
  };
}

/** A point in time, from ms since 1970. */
export function timestampOf(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1_000);
  return {
    seconds: BigInt(seconds),
    nanos: Math.floor(ms - seconds * 1_000) * 1_000_000,
  };
}

/** Milliseconds of a length of time; undefined when there is none. */
export function msOf(duration: Duration | undefined): number | undefined {
  if (duration === undefined) return undefined;
  return Number(duration.seconds) * 1_000 + duration.nanos / 1_000_000;
}
