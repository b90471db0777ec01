/**
 * The idempotency_key of a record that came without one: made from its identity and its lineage, so
 * that it stays the same over retries and restarts and differs between any two records that are to be
 * written.
 */
import type { RecordIds } from "../../proto/record_ids.ts";

const encoder = new TextEncoder();
/** A zero byte, partition, sequence number, lineage. */
const tailBytes = 1 + 4 + 8 + 8;

/**
 * The key of record `i` of `ids`, as the serialized field `id` of Record with nothing else in it:
 * written behind a record it adds the key to its id.
 */
export function idempotencyKeyField(
  ids: RecordIds,
  i: number,
  lineage: number,
): Uint8Array {
  const source = encoder.encode(ids.sourceIds[i]!);
  const keyLength = source.length + tailBytes;
  const keySize = 1 + varintBytes(keyLength) + keyLength;
  const bytes = new Uint8Array(1 + varintBytes(keySize) + keySize);
  let pos = 0;
  bytes[pos++] = 0x0a;
  pos = writeVarint(bytes, pos, keySize);
  bytes[pos++] = 0x22;
  pos = writeVarint(bytes, pos, keyLength);
  bytes.set(source, pos);
  const view = new DataView(bytes.buffer, pos + source.length + 1);
  view.setUint32(0, ids.partitions[i]!);
  view.setUint32(4, ids.sequenceHighs[i]!);
  view.setUint32(8, ids.sequenceLows[i]!);
  view.setUint32(12, Math.floor(lineage / 0x1_0000_0000));
  view.setUint32(16, lineage % 0x1_0000_0000);
  return bytes;
}

function varintBytes(value: number): number {
  return value < 0x80 ? 1 : value < 0x4000 ? 2 : 3;
}

function writeVarint(bytes: Uint8Array, pos: number, value: number): number {
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes[pos++] = rest & 127 | 128;
  bytes[pos++] = rest;
  return pos;
}
