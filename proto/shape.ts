/**
 * Checks nested messages without decoding them. What a view hands on, joined with other records,
 * must be readable by every protobuf implementation: one bad record would otherwise make a service
 * refuse the whole batch it travels in. Each check reads over the value of the field just read;
 * for what every record carries, the layout that writers use is recognised first.
 */
import { type FieldReader, shortVarintEnd } from "./field_reader.ts";
import { WireError } from "./wire.ts";

/** What a field holds: its wire type, `text` for a string, or the shape of its message. */
type Content = number | Shape;

/** The fields of a message by number; number 0 is not used. */
type Shape = readonly [0, ...Content[]];

const varint = 0;
const delimited = 2;
const text = 8;

const timestampShape: Shape = [0, varint, varint];
const stringEntryShape: Shape = [0, text, text];
const bytesEntryShape: Shape = [0, text, delimited];
const batchStatsShape: Shape = [0, varint, varint, varint, varint];
const watermarkShape: Shape = [0, text, varint, varint, timestampShape];

/** conveyor.common.Watermark */
export function checkWatermark(reader: FieldReader): void {
  checkShape(reader, watermarkShape);
}

/** An entry of a map<string, bytes> */
export function checkBytesEntry(reader: FieldReader): void {
  checkShape(reader, bytesEntryShape);
}

/** conveyor.lookup.BatchStats */
export function checkBatchStats(reader: FieldReader): void {
  checkShape(reader, batchStatsShape);
}

/** google.protobuf.Timestamp */
export function checkTimestamp(reader: FieldReader): void {
  const { buf, valueEnd: end } = reader;
  let pos = reader.pos;
  if (buf[pos] === 0x08) pos = shortVarintEnd(buf, pos + 1, end);
  if (buf[pos] === 0x10) pos = shortVarintEnd(buf, pos + 1, end);
  if (pos === end) reader.pos = end;
  else checkShape(reader, timestampShape);
}

/** An entry of a map<string, string> */
export function checkStringEntry(reader: FieldReader): void {
  checkShape(reader, stringEntryShape);
}

/** Whether the bytes from `pos` to `end` are such an entry, with key and value in order and in ASCII. */
export function isUsualEntry(
  reader: FieldReader,
  pos: number,
  end: number,
): boolean {
  const { buf } = reader;
  if (pos + 3 >= end || buf[pos] !== 0x0a) return false;
  // Lengths over 127 are not ASCII: one look at all bytes covers them and both texts.
  const value = pos + 2 + buf[pos + 1]!;
  return value + 1 < end && buf[value] === 0x12 &&
    value + 2 + buf[value + 1]! === end && reader.isAscii(pos, end);
}

function checkShape(reader: FieldReader, shape: Shape): void {
  const outer = reader.end;
  const end = reader.end = reader.valueEnd;
  while (reader.pos < end) {
    const start = reader.pos;
    const tag = reader.field();
    const content = tag >>> 3 < shape.length ? shape[tag >>> 3]! : tag & 7;
    if (content === (tag & 7)) reader.skipValue(tag);
    else if ((tag & 7) !== delimited || content === varint) {
      throw new WireError("wrong_wire_type", start);
    } else if (content === text) reader.skipText();
    else checkShape(reader, content as Shape);
  }
  reader.end = outer;
}
