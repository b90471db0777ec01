/**
 * The routing fields of serialized records, read without decoding them. A record keeps its bytes:
 * its range is joined as it is into the next message, unknown fields included. What the walk
 * accepts, every protobuf reader accepts; anything else is a WireError, and the accessors throw
 * nothing after it.
 *
 * A view does not copy: whoever gives it the buffer must leave the bytes unchanged for as long as
 * the view, or anything that it returned, is in use.
 */
import { invariant } from "../lib/invariant.ts";
import { FieldReader } from "./field_reader.ts";
import { grown, RecordIds } from "./record_ids.ts";
import { MetadataReader } from "./metadata_reader.ts";
import {
  checkStringEntry,
  checkTimestamp,
  checkWatermark,
  isUsualEntry,
} from "./shape.ts";
import { cachedText, RepeatedText } from "./text_cache.ts";
import { varintSize, WireWriter } from "./wire_writer.ts";

const empty: Uint8Array = new Uint8Array(0);

/**
 * Records of one buffer, as columns; what lies beyond `count` in them is stale. After a WireError a
 * view is good for `reset` only.
 */
export class RecordView {
  /** The buffer that all ranges refer to. */
  bytes: Uint8Array = empty;
  /** Ranges of the serialized Record messages, without tag and length. */
  starts: Uint32Array = new Uint32Array(0);
  ends: Uint32Array = new Uint32Array(0);
  /** Whether each record follows the one before, framed as it is in a RecordBatch. */
  packed = true;
  readonly ids: RecordIds = new RecordIds();
  readonly recordTypes: string[] = [];
  /** RecordBatch.batch_id, the last one read. */
  batchId = "";
  readonly #recordType: RepeatedText = new RepeatedText();
  readonly #reader: FieldReader = new FieldReader(empty);
  readonly #metadata: MetadataReader = new MetadataReader();
  /** Starts and ends of the occurrences of RecordBatch.watermark. */
  readonly #watermarks: number[] = [];

  /** How many records there are. */
  get count(): number {
    return this.ids.count;
  }

  /** Forgets all records and turns to `bytes`; the room of the columns is kept. */
  reset(bytes: Uint8Array): this {
    this.bytes = bytes;
    this.#reader.reset(bytes);
    this.batchId = "";
    this.packed = true;
    this.ids.reset();
    this.#recordType.reset();
    this.#watermarks.length = 0;
    return this;
  }

  /**
   * Adds the records of the conveyor.common.RecordBatch in a range of the buffer. Ranges added one
   * after another are one batch, as protobuf prescribes for a field that comes twice.
   */
  addBatch(start: number = 0, end: number = this.bytes.length): this {
    const reader = this.#within(start, end);
    while (reader.pos < end) {
      const from = reader.pos;
      const tag = reader.field();
      if (tag === 0x12) {
        const length = reader.valueEnd - reader.pos;
        if (
          reader.pos - from !== 1 + varintSize(length) ||
          this.count > 0 && this.ends[this.count - 1] !== from
        ) this.packed = false;
        this.#walk(reader.valueEnd);
      } else if (tag === 0x0a) {
        this.batchId = cachedText(this.bytes, reader.pos, reader.valueEnd);
        reader.pos = reader.valueEnd;
      } else if (tag === 0x1a) {
        this.#watermarks.push(reader.pos, reader.valueEnd);
        checkWatermark(reader);
      } else reader.skipUnknown(tag, 3, from);
    }
    return this;
  }

  /** Adds the one conveyor.common.Record in a range of the buffer. */
  addRecord(start: number = 0, end: number = this.bytes.length): this {
    this.#within(start, end);
    this.packed = false;
    this.#walk(end);
    return this;
  }

  /** Whether a record has no source id. */
  get hasNameless(): boolean {
    const { sourceIds, count } = this.ids;
    for (let i = 0; i < count; i++) if (sourceIds[i] === "") return true;
    return false;
  }

  /** The key of record `i`. This and what follows are views of the buffer. */
  key(i: number): Uint8Array {
    return lastField(this.#open(i), 0x1a) ?? empty;
  }

  payload(i: number): Uint8Array {
    return lastField(this.#open(i), 0x22) ?? empty;
  }

  idempotencyKey(i: number): Uint8Array {
    const record = this.#open(i);
    const recordEnd = record.end;
    let found: Uint8Array = empty;
    while (record.next(0x0a)) {
      record.end = record.valueEnd;
      found = lastField(record, 0x22) ?? found;
      record.end = recordEnd;
    }
    return found;
  }

  /** The event time as a serialized google.protobuf.Timestamp, if there is one. */
  eventTime(i: number): Uint8Array | undefined {
    const record = this.#open(i);
    const ranges: number[] = [];
    while (record.next(0x32)) {
      ranges.push(record.pos, record.valueEnd);
      record.pos = record.valueEnd;
    }
    return merged(this.bytes, ranges);
  }

  /** All metadata of record `i`. */
  metadata(i: number): Map<string, string> {
    return this.#metadata.all(this.#open(i));
  }

  /** The metadata of record `i` under one key; the other entries are not decoded. */
  metadataValue(i: number, key: string): string | undefined {
    return this.#metadata.value(this.#open(i), key);
  }

  /** RecordBatch.watermark as a serialized conveyor.common.Watermark, if there is one. */
  watermark(): Uint8Array | undefined {
    return merged(this.bytes, this.#watermarks);
  }

  /** The reader, set to the fields of record `i`. */
  #open(i: number): FieldReader {
    if (i < 0 || i >= this.count) {
      invariant(false, `no record ${i} of ${this.count}`);
    }
    return this.#within(this.starts[i]!, this.ends[i]!);
  }

  #within(start: number, end: number): FieldReader {
    // The sentence is made only when it is needed: this is called for every output of a transform.
    if (start < 0 || start > end || end > this.bytes.length) {
      invariant(
        false,
        `no range ${start} to ${end} in ${this.bytes.length} bytes`,
      );
    }
    this.#reader.pos = start;
    this.#reader.end = end;
    return this.#reader;
  }

  /**
   * Adds the Record that ends at `end` and starts where the reader stands. In the common case the place
   * stays in variables: kept in the reader throughout the walk took a twentieth longer.
   */
  #walk(end: number): void {
    const { bytes, ids } = this;
    const reader = this.#reader;
    const outer = reader.end;
    let pos = reader.pos;
    const i = this.#add(pos, end);
    reader.end = end;
    while (pos < end) {
      const start = pos;
      let tag = bytes[start]!;
      let valueEnd = 0;
      // What field() does in the common case.
      let length = 0x4000;
      pos = start + 2;
      if (pos < end && (tag & 0x87) === 2 && tag > 7) {
        length = bytes[start + 1]!;
        if (length > 127) length = length & 127 | bytes[pos++]! << 7;
      }
      if (length < 0x4000 && length <= end - pos) valueEnd = pos + length;
      else {
        reader.pos = start;
        tag = reader.field();
        pos = reader.pos;
        valueEnd = reader.valueEnd;
      }
      switch (tag) {
        case 0x0a:
          if (!ids.readUsual(reader, pos, valueEnd, i)) {
            ids.read(reader.at(pos, valueEnd), i);
          }
          break;
        case 0x12:
          this.recordTypes[i] = this.#recordType.read(reader, pos, valueEnd);
          break;
        case 0x1a:
        case 0x22:
          break;
        case 0x2a:
          if (!isUsualEntry(reader, pos, valueEnd)) {
            checkStringEntry(reader.at(pos, valueEnd));
          }
          break;
        case 0x32:
        case 0x3a:
          checkTimestamp(reader.at(pos, valueEnd));
          break;
        default:
          reader.at(pos, valueEnd).skipUnknown(tag, 7, start);
          valueEnd = reader.pos;
      }
      pos = valueEnd;
    }
    reader.pos = end;
    reader.end = outer;
  }

  /** Adds a record with this range and an empty id; returns its index. */
  #add(start: number, end: number): number {
    const i = this.ids.add(start);
    if (i === this.starts.length) {
      const capacity = this.ids.partitions.length;
      this.starts = grown(this.starts, capacity);
      this.ends = grown(this.ends, capacity);
    }
    this.starts[i] = start;
    this.ends[i] = end;
    this.recordTypes[i] = "";
    return i;
  }
}

/** The last value with `tag`: of a field that comes twice, the later one counts. */
function lastField(reader: FieldReader, tag: number): Uint8Array | undefined {
  let found: Uint8Array | undefined;
  while (reader.next(tag)) {
    found = reader.buf.subarray(reader.pos, reader.valueEnd);
    reader.pos = reader.valueEnd;
  }
  return found;
}

/** The occurrences of a message field as one message: put one after another, they merge. */
function merged(
  bytes: Uint8Array,
  ranges: readonly number[],
): Uint8Array | undefined {
  if (ranges.length === 0) return undefined;
  if (ranges.length === 2) return bytes.subarray(ranges[0], ranges[1]);
  const writer = new WireWriter();
  for (let i = 0; i < ranges.length; i += 2) {
    writer.raw(bytes.subarray(ranges[i], ranges[i + 1]));
  }
  return writer.finish();
}
