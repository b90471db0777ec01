/** A google.protobuf.Timestamp, as it lies in a record, as the date that expressions compare. */
import { WireReader } from "../../proto/wire.ts";

/** The years that a Timestamp may be of, 1 to 9999, in milliseconds. */
const msMin = -62_135_596_800_000;
const msMax = 253_402_300_799_999;

/** The point in time, cut to milliseconds; undefined when a Timestamp cannot be of that time. */
export function timestampDate(serialized: Uint8Array): Date | undefined {
  const reader = new WireReader(serialized);
  let seconds = 0n;
  let nanos = 0;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    if (tag === 0x08) seconds = reader.int64();
    else if (tag === 0x10) nanos = reader.int32();
    else reader.skip(tag & 7, tag >>> 3);
  }
  const ms = Number(seconds) * 1000 + Math.floor(nanos / 1_000_000);
  const valid = nanos >= 0 && nanos < 1_000_000_000 && ms >= msMin &&
    ms <= msMax;
  return valid ? new Date(ms) : undefined;
}
