/**
 * Records with fields added behind what they have: as protobuf prescribes, an entry of a map that
 * comes later counts, and a message that comes twice is merged. The records are copied as they are,
 * nothing of them is decoded. The result is a serialized RecordBatch.
 */
import { rewrittenBytesKept } from "../lib/limits.ts";
import type { RecordRanges } from "./record_join.ts";
import { grown } from "./record_ids.ts";
import { varintSize } from "./wire_writer.ts";

/** RecordBatch.records */
const recordTag = 0x12;

/** Records in the order added. */
export class RecordRewriter implements RecordRanges {
  /** What was written so far; what lies behind `length` is not of it. */
  bytes: Uint8Array = new Uint8Array(1024);
  length = 0;
  readonly packed: boolean = true;
  count = 0;
  /** Ranges of the records, without tag and length. */
  starts: Uint32Array = new Uint32Array(64);
  ends: Uint32Array = new Uint32Array(64);

  /** Forgets all records, and writes over them: `batch()` is a copy. */
  reset(): void {
    if (this.bytes.length > rewrittenBytesKept) {
      this.bytes = new Uint8Array(1024);
    }
    this.length = this.count = 0;
  }

  /** Adds record `i` of `records` with the serialized fields `more` behind its own. */
  add(records: RecordRanges, i: number, more: Uint8Array): void {
    const start = records.starts[i]!;
    const end = records.ends[i]!;
    const size = end - start + more.length;
    this.#reserve(1 + varintSize(size) + size);
    let pos = this.length;
    this.bytes[pos++] = recordTag;
    let rest = size;
    for (; rest > 127; rest >>>= 7) this.bytes[pos++] = rest & 127 | 128;
    this.bytes[pos++] = rest;
    this.starts[this.count] = pos;
    this.bytes.set(records.bytes.subarray(start, end), pos);
    this.bytes.set(more, pos + end - start);
    this.length = this.ends[this.count++] = pos + size;
  }

  /** The records as a serialized conveyor.common.RecordBatch, in a buffer of their own. */
  batch(): Uint8Array {
    return this.bytes.slice(0, this.length);
  }

  #reserve(size: number): void {
    if (this.length + size > this.bytes.length) {
      const larger = new Uint8Array(
        Math.max(this.length + size, this.bytes.length * 2),
      );
      larger.set(this.bytes.subarray(0, this.length));
      this.bytes = larger;
    }
    if (this.count < this.starts.length) return;
    const capacity = this.starts.length * 2;
    this.starts = grown(this.starts, capacity);
    this.ends = grown(this.ends, capacity);
  }
}
