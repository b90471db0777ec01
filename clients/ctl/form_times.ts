/** Times as files have them: durations as `5s` and `200ms`, moments as RFC 3339 has them. */
import type { Duration, Timestamp } from "../../proto/messages/google.ts";

const nanosOf: { readonly [unit: string]: bigint } = {
  ns: 1n,
  us: 1_000n,
  ms: 1_000_000n,
  s: 1_000_000_000n,
  m: 60_000_000_000n,
  h: 3_600_000_000_000n,
  d: 86_400_000_000_000n,
};
const second = 1_000_000_000n;
const secondsMax = 315_576_000_000n;
/** The first second of the year 0, and the last one of 9999. */
const yearMin = -62_167_219_200n;
const yearMax = 253_402_300_799n;

/** What a duration must be, for errors. */
export const durationRule =
  'must be a time with its unit, as "5s", "200ms", "2m", "1h" or "7d"';

/** Reads a duration; undefined when it is none. */
export function readDuration(text: string): Duration | undefined {
  const [, sign, whole, rest = "", unit] =
    /^(-?)(\d{1,15})(?:\.(\d{1,9}))?(ns|us|ms|s|m|h|d)$/.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const scaled = BigInt(whole + rest) * nanosOf[unit!]!;
  const parts = 10n ** BigInt(rest.length);
  // What is left over would be less than a nanosecond.
  if (scaled % parts !== 0n) return undefined;
  const nanos = (sign === "-" ? -scaled : scaled) / parts;
  const seconds = nanos / second;
  if (seconds > secondsMax || seconds < -secondsMax) return undefined;
  return { seconds, nanos: Number(nanos % second) };
}

/** Writes a duration in milliseconds where these are whole and less than a second, else in seconds. */
export function writeDuration({ seconds, nanos }: Duration): string {
  if (seconds === 0n && nanos !== 0 && nanos % 1_000_000 === 0) {
    return `${nanos / 1_000_000}ms`;
  }
  const total = seconds * second + BigInt(nanos);
  const size = total < 0n ? -total : total;
  return `${total < 0n ? "-" : ""}${size / second}${fraction(size % second)}s`;
}

/**
 * Writes a moment: `2026-11-30T13:45:49.25Z`. Of a year that has not four digits, which whoever sends a
 * record may claim, the seconds since 1970: `@253402300800`.
 */
export function writeTimestamp({ seconds, nanos }: Timestamp): string {
  const rest = fraction(BigInt(nanos));
  if (seconds < yearMin || seconds > yearMax) return `@${seconds}${rest}`;
  const whole = new Date(Number(seconds) * 1_000).toISOString().slice(0, 19);
  return `${whole}${rest}Z`;
}

/** Reads a moment, which must say its zone; undefined when it is none. */
export function readTimestamp(text: string): Timestamp | undefined {
  const [, whole, rest = "", zone] =
    /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/
      .exec(text) ?? [];
  const ms = Date.parse(`${whole}${zone}`);
  if (whole === undefined || Number.isNaN(ms)) return undefined;
  // The platform takes February 31 for one of the first days of March.
  const local = new Date(Date.parse(`${whole}Z`)).toISOString().slice(0, 19);
  if (local !== whole) return undefined;
  return { seconds: BigInt(ms) / 1_000n, nanos: Number(rest.padEnd(9, "0")) };
}

function fraction(nanos: bigint): string {
  return nanos === 0n
    ? ""
    : `.${`${nanos}`.padStart(9, "0")}`.replace(/0+$/, "");
}
