import type { MessageInit } from "../proto/codec.ts";
import type { Record } from "../proto/messages/common.ts";

/** What a record takes in a batch, about; its id, which is short, is left aside. */
export function recordBytes(
  { payload, key, metadata = {} }: MessageInit<Record>,
): number {
  let bytes = (payload?.length ?? 0) + (key?.length ?? 0);
  for (const name in metadata) {
    // In UTF-8 a character is three bytes at most.
    bytes += 3 * (name.length + metadata[name]!.length);
  }
  return bytes;
}
