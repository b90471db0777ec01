/**
 * What the peers of the flow bench say, as bytes: they must cost little beside what is measured, so they
 * copy and count where other services decode.
 */
import { WireReader } from "../../../proto/wire.ts";
import { varintSize, WireWriter } from "../../../proto/wire_writer.ts";
import { recordMessage } from "../../fixtures/record_messages.ts";

/** Bytes of a record of the bench. */
export const recordBytes = 256;
export const partitions = 8;
export const sourceName = "orders-eu-west-1";

/** From here on every sequence number takes five bytes, so that they can be written over. */
const firstSequence = 2 ** 28;
const sequenceBytes = 5;

/** The pushes of a source: the same bytes again and again, but for their sequence numbers. */
export class PushTemplate {
  readonly records: number;
  readonly #bytes: Uint8Array;
  /** Where the sequence numbers stand. */
  readonly #at: readonly number[];
  #next = firstSequence;

  constructor(records: number) {
    this.records = records;
    const writer = new WireWriter(records * (recordBytes + 8));
    writer.uint32(0x0a).fork().uint32(0x0a).string("batch");
    for (let i = 0; i < records; i++) {
      writer.uint32(0x12).bytes(recordOf(i % partitions, firstSequence));
    }
    this.#bytes = writer.ldelim().finish();
    this.#at = placesOf(this.#bytes, firstSequence);
    if (this.#at.length !== records) throw new Error("the template is wrong");
  }

  /** The next push. */
  next(): Uint8Array {
    const bytes = this.#bytes.slice();
    for (const at of this.#at) {
      let rest = this.#next++;
      for (let byte = 0; byte < sequenceBytes - 1; byte++) {
        bytes[at + byte] = rest & 0x7f | 0x80;
        rest = Math.floor(rest / 128);
      }
      bytes[at + sequenceBytes - 1] = rest;
    }
    return bytes;
  }
}

/** A record of exactly `recordBytes`. */
function recordOf(partition: number, sequenceNumber: number): Uint8Array {
  const encode = (payload: number): Uint8Array =>
    recordMessage.encode({
      id: { sourceId: sourceName, partition, sequenceNumber },
      recordType: "order.created",
      key: new Uint8Array(8).fill(1 + partition),
      payload: new Uint8Array(payload).fill(120),
      metadata: { region: "eu-west-1" },
    });
  return encode(160 + recordBytes - encode(160).length);
}

/** Where the varint of `value` stands behind the tag of a sequence number. */
function placesOf(bytes: Uint8Array, value: number): number[] {
  const writer = new WireWriter();
  const pattern = writer.uint32(0x18).uint64(value).finish();
  const places: number[] = [];
  for (let at = 0; at + pattern.length <= bytes.length; at++) {
    if (pattern.every((byte, n) => bytes[at + n] === byte)) places.push(at + 1);
  }
  return places;
}

/** Where a record and its identity stand. */
type EachRecord = (
  bytes: Uint8Array,
  record: readonly [start: number, end: number],
  id: readonly [start: number, end: number],
) => void;

/** Calls `each` for the records of a RecordBatch that is field `field` of the message. */
export function eachRecord(
  message: Uint8Array,
  field: number,
  each: EachRecord,
): void {
  const reader = new WireReader(message);
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    if (tag >>> 3 !== field) {
      reader.skip(tag & 7, tag >>> 3);
      continue;
    }
    const end = reader.delimited();
    const batch = new WireReader(message, reader.pos, end);
    reader.pos = end;
    while (batch.pos < batch.end) {
      const tag = batch.tag();
      if (tag !== 0x12) {
        batch.skip(tag & 7, tag >>> 3);
        continue;
      }
      const recordEnd = batch.delimited();
      const start = batch.pos;
      const record = new WireReader(message, start, recordEnd);
      record.tag();
      const idEnd = record.delimited();
      each(message, [start, recordEnd], [record.pos, idEnd]);
      batch.pos = recordEnd;
    }
  }
}

/** The answer of a transform that hands each record on as it is. */
export function transformAnswer(request: Uint8Array): Uint8Array {
  const writer = new WireWriter(request.length * 1.2 + 64);
  eachRecord(request, 2, (bytes, [start, end], [idStart, idEnd]) => {
    const size = end - start;
    const idSize = idEnd - idStart;
    writer.uint32(0x12).uint32(
      1 + varintSize(idSize) + idSize + 2 + 1 + varintSize(size) + size,
    );
    writer.uint32(0x0a).bytes(bytes.subarray(idStart, idEnd));
    writer.uint32(0x10).uint32(1);
    writer.uint32(0x1a).bytes(bytes.subarray(start, end));
  });
  return writer.finish();
}

/** The answer of a sink that has every record, and how many those are. */
export function sinkAnswer(
  request: Uint8Array,
): { readonly answer: Uint8Array; readonly records: number } {
  let records = 0;
  const writer = new WireWriter(request.length / 4 + 64);
  writer.uint32(0x10).uint32(1);
  eachRecord(request, 2, (bytes, _record, [idStart, idEnd]) => {
    records++;
    const idSize = idEnd - idStart;
    writer.uint32(0x1a).uint32(1 + varintSize(idSize) + idSize + 2);
    writer.uint32(0x0a).bytes(bytes.subarray(idStart, idEnd));
    writer.uint32(0x10).uint32(1);
  });
  return { answer: writer.finish(), records };
}

/** How many records a PushResponse acks. */
export function acksIn(response: Uint8Array): number {
  const reader = new WireReader(response);
  if (reader.tag() !== 0x0a) return 0;
  reader.end = reader.delimited();
  let acks = 0;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    if (tag === 0x12) acks++;
    reader.skip(tag & 7, tag >>> 3);
  }
  return acks;
}
