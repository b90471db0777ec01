/**
 * The ids of the records of a view, as columns: nothing is allocated per record. The ids of other
 * records stay as they are while one is read, and an id that comes twice is merged, as protobuf
 * prescribes; one that is missing is empty.
 */
import { viewRecordsMax } from "../lib/limits.ts";
import type { FieldReader } from "./field_reader.ts";
import { RepeatedText } from "./text_cache.ts";
import { WireError } from "./wire.ts";

/** Ids read from conveyor.common.RecordId messages, by index; what lies beyond `count` is stale. */
export class RecordIds {
  count = 0;
  readonly sourceIds: string[] = [];
  partitions: Uint32Array = new Uint32Array(0);
  /** The halves of the sequence numbers. */
  sequenceLows: Uint32Array = new Uint32Array(0);
  sequenceHighs: Uint32Array = new Uint32Array(0);
  readonly #sourceId: RepeatedText = new RepeatedText();

  /** Forgets all ids, before another buffer is read. */
  reset(): void {
    this.count = 0;
    this.#sourceId.reset();
  }

  /** Adds an empty id for what starts at `offset`; returns its index. */
  add(offset: number): number {
    const i = this.count;
    if (i === this.partitions.length) this.#grow(offset);
    this.count = i + 1;
    this.sourceIds[i] = "";
    this.partitions[i] = 0;
    this.sequenceLows[i] = 0;
    this.sequenceHighs[i] = 0;
    return i;
  }

  /** Reads the RecordId in the field just read over id `i`. */
  read(reader: FieldReader, i: number): void {
    if (!this.readUsual(reader, reader.pos, reader.valueEnd, i)) {
      this.#readAny(reader, i);
    } else reader.pos = reader.valueEnd;
  }

  /**
   * The usual layout in one step: the source of the record before, a small partition, a sequence
   * number of up to 63 bits. Whether the RecordId from `start` to `end` was this; if not, nothing is
   * read. Leaves the reader where it is.
   */
  readUsual(
    reader: FieldReader,
    start: number,
    end: number,
    i: number,
  ): boolean {
    const { buf } = reader;
    if (buf[start] !== 0x0a) return false;
    let pos = this.#sourceId.endIfSame(reader, start + 1, end);
    if (pos < 0 || end + 1 > buf.length) return false;
    let partition = this.partitions[i]!;
    if (buf[pos] === 0x10) {
      partition = buf[pos + 1]!;
      if (partition > 127) return false;
      pos += 2;
    }
    if (pos >= end || buf[pos++] !== 0x18) return false;
    let low = 0;
    let high = 0;
    let byte = 128;
    for (let shift = 0; byte > 127 && pos < end && shift < 63; shift += 7) {
      byte = buf[pos++]!;
      const bits = byte & 127;
      if (shift < 28) low |= bits << shift;
      else if (shift > 28) high |= bits << shift - 32;
      else {
        low |= bits << 28;
        high = bits >>> 4;
      }
    }
    if (pos !== end || byte > 127) return false;
    this.sourceIds[i] = this.#sourceId.again;
    this.partitions[i] = partition;
    this.sequenceLows[i] = low;
    this.sequenceHighs[i] = high;
    return true;
  }

  #readAny(reader: FieldReader, i: number): void {
    const outer = reader.end;
    const end = reader.end = reader.valueEnd;
    while (reader.pos < end) {
      const start = reader.pos;
      const tag = reader.field();
      switch (tag) {
        case 0x0a:
          this.sourceIds[i] = this.#sourceId.read(
            reader,
            reader.pos,
            reader.valueEnd,
          );
          reader.pos = reader.valueEnd;
          break;
        case 0x10:
          this.partitions[i] = reader.uint32();
          break;
        case 0x18:
          reader.varint();
          this.sequenceLows[i] = reader.low;
          this.sequenceHighs[i] = reader.high;
          break;
        case 0x22:
          reader.pos = reader.valueEnd;
          break;
        default:
          reader.skipUnknown(tag, 4, start);
      }
    }
    reader.end = outer;
  }

  /** The sequence number of id `i`, exact over the range of uint64. */
  sequence(i: number): bigint {
    const low = BigInt(this.sequenceLows[i]!);
    const high = this.sequenceHighs[i]!;
    return high === 0 ? low : BigInt(high) << 32n | low;
  }

  #grow(offset: number): void {
    if (this.count >= viewRecordsMax) {
      throw new WireError("too_many_records", offset);
    }
    const capacity = Math.min(Math.max(128, this.count * 2), viewRecordsMax);
    this.partitions = grown(this.partitions, capacity);
    this.sequenceLows = grown(this.sequenceLows, capacity);
    this.sequenceHighs = grown(this.sequenceHighs, capacity);
  }
}

/** A column with the same values and room for `capacity` of them. */
export function grown(column: Uint32Array, capacity: number): Uint32Array {
  const larger = new Uint32Array(capacity);
  larger.set(column);
  return larger;
}
