/**
 * The idempotency_key under which a record is written to a sink that keeps one record for each: it
 * stays the same over retries and restarts and differs between any two records that are to be written.
 * A record keeps the key that it came with. Where it shares that with others, since a transform split
 * what carried it, its lineage tells them apart; without one the key is made of identity and lineage.
 */
import type { RecordIds } from "../../proto/record_ids.ts";
import type { RecordView } from "../../proto/record_view.ts";
import { varintSize } from "../../proto/wire_writer.ts";
import { sharesKey } from "./lineage.ts";

const encoder = new TextEncoder();
const none = new Uint8Array(0);
/** Behind the source id: a zero byte, partition, sequence number, lineage. */
const tailBytes = 1 + 4 + 8 + 8;

/**
 * The key of record `i` of `view`, as the serialized field `id` of Record with nothing else in it:
 * written behind a record it gives the key to its id. Nothing where the record has the right one.
 */
export function idempotencyKeyField(
  view: RecordView,
  i: number,
  lineage: number,
): Uint8Array {
  const own = view.idempotencyKey(i);
  if (own.length === 0) return fieldOf(keyOf(view.ids, i, lineage));
  if (!sharesKey(lineage)) return none;
  const place = encoder.encode(`/${lineage.toString(16)}`);
  const key = new Uint8Array(own.length + place.length);
  key.set(own);
  key.set(place, own.length);
  return fieldOf(key);
}

function keyOf(ids: RecordIds, i: number, lineage: number): Uint8Array {
  const source = encoder.encode(ids.sourceIds[i]!);
  const key = new Uint8Array(source.length + tailBytes);
  key.set(source);
  const view = new DataView(key.buffer, source.length + 1);
  view.setUint32(0, ids.partitions[i]!);
  view.setUint32(4, ids.sequenceHighs[i]!);
  view.setUint32(8, ids.sequenceLows[i]!);
  view.setUint32(12, Math.floor(lineage / 0x1_0000_0000));
  view.setUint32(16, lineage % 0x1_0000_0000);
  return key;
}

function fieldOf(key: Uint8Array): Uint8Array {
  const keySize = 1 + varintSize(key.length) + key.length;
  const bytes = new Uint8Array(1 + varintSize(keySize) + keySize);
  let pos = 0;
  bytes[pos++] = 0x0a;
  pos = writeVarint(bytes, pos, keySize);
  bytes[pos++] = 0x22;
  pos = writeVarint(bytes, pos, key.length);
  bytes.set(key, pos);
  return bytes;
}

function writeVarint(bytes: Uint8Array, pos: number, value: number): number {
  let rest = value;
  for (; rest > 127; rest >>>= 7) bytes[pos++] = rest & 127 | 128;
  bytes[pos++] = rest;
  return pos;
}
