/**
 * A WireReader for walks over many small fields: it reads a tag and a length in one step, and looks
 * at text four bytes at a time. This is what makes the walk over a record cheap.
 */
import { decodeUtf8 } from "./utf8.ts";
import { WireError, WireReader } from "./wire.ts";

const highBits = 0x8080_8080 | 0;

/** Reads the fields of messages that lie in one buffer. */
export class FieldReader extends WireReader {
  /** Where the value of the delimited field read last ends; `pos` is where it starts. */
  valueEnd = 0;
  #view: DataView;

  constructor(buf: Uint8Array) {
    super(buf);
    this.#view = new DataView(buf.buffer, buf.byteOffset, buf.length);
  }

  /** Turns to another buffer. */
  reset(buf: Uint8Array): void {
    this.buf = buf;
    this.pos = 0;
    this.end = buf.length;
    this.#view = new DataView(buf.buffer, buf.byteOffset, buf.length);
  }

  /** The bytes, to be read where they lie. */
  get view(): DataView {
    return this.#view;
  }

  /** Sets the reader to the value of a delimited field. */
  at(pos: number, valueEnd: number): this {
    this.pos = pos;
    this.valueEnd = valueEnd;
    return this;
  }

  /** Reads a tag and, when the field is delimited, its length. */
  field(): number {
    const { buf, end, pos } = this;
    const tag = buf[pos]!;
    // The common case in one step: a number under 16, a length under 2^14.
    if (pos + 2 < end && tag > 7 && tag < 128) {
      if ((tag & 7) !== 2) {
        this.pos = pos + 1;
        return tag;
      }
      let start = pos + 2;
      let length = buf[pos + 1]!;
      if (length > 127) length = length & 127 | buf[start++]! << 7;
      if (length < 0x4000 && length <= end - start) {
        this.pos = start;
        this.valueEnd = start + length;
        return tag;
      }
    }
    return this.#anyField();
  }

  #anyField(): number {
    const tag = this.tag();
    if ((tag & 7) === 2) this.valueEnd = this.delimited();
    return tag;
  }

  /** Passes over the value of a field just read by `field()`. */
  skipValue(tag: number): void {
    if ((tag & 7) === 2) this.pos = this.valueEnd;
    else if ((tag & 7) === 0) this.#skipVarint();
    else this.skip(tag & 7, tag >>> 3);
  }

  /**
   * Passes over a field that its message does not know; `known` is the largest number it knows,
   * `start` where the field starts.
   */
  skipUnknown(tag: number, known: number, start: number): void {
    if (tag >>> 3 <= known) throw new WireError("wrong_wire_type", start);
    this.skipValue(tag);
  }

  /** Passes over a text; it must be UTF-8. */
  skipText(): void {
    const { pos, valueEnd } = this;
    if (
      !this.isAscii(pos, valueEnd) &&
      decodeUtf8(this.buf, pos, valueEnd) === undefined
    ) throw new WireError("invalid_utf8", pos);
    this.pos = valueEnd;
  }

  /** Moves to the next delimited field with `tag`; false when there is none before `end`. */
  next(tag: number): boolean {
    while (this.pos < this.end) {
      const found = this.field();
      if (found === tag) return true;
      this.skipValue(found);
    }
    return false;
  }

  isAscii(start: number, end: number): boolean {
    const view = this.#view;
    let bits = 0;
    let i = start;
    for (; i + 4 <= end; i += 4) bits |= view.getInt32(i, true);
    // The rest with some that were looked at already, where there are so many.
    if (i < end && end - start >= 4) bits |= view.getInt32(end - 4, true);
    else for (; i < end; i++) bits |= view.getInt8(i);
    return (bits & highBits) === 0;
  }

  /** Whether the `length` bytes at two places are equal. */
  sameBytes(a: number, b: number, length: number): boolean {
    return bytesEqual(this.#view, a, this.#view, b, length);
  }

  #skipVarint(): void {
    const end = shortVarintEnd(this.buf, this.pos, this.end);
    if (end > 0) this.pos = end;
    else this.varint();
  }
}

/** Where a varint ends; 0 when it is cut short by `end` or has more than 9 bytes. */
export function shortVarintEnd(
  buf: Uint8Array,
  start: number,
  end: number,
): number {
  const limit = Math.min(end, start + 9);
  for (let i = start; i < limit; i++) {
    if (buf[i]! < 128) return i + 1;
  }
  return 0;
}

/** Whether `length` bytes of two buffers are equal. */
export function bytesEqual(
  left: DataView,
  a: number,
  right: DataView,
  b: number,
  length: number,
): boolean {
  let i = 0;
  for (; i + 8 <= length; i += 8) {
    if (left.getBigInt64(a + i, true) !== right.getBigInt64(b + i, true)) {
      return false;
    }
  }
  if (i < length && length >= 8) {
    i = length - 8;
    return left.getBigInt64(a + i, true) === right.getBigInt64(b + i, true);
  }
  for (; i < length; i++) {
    if (left.getInt8(a + i) !== right.getInt8(b + i)) return false;
  }
  return true;
}
