/**
 * Reads the primitives of the protobuf wire format in place, without allocating, and answers every
 * malformed input with one typed `WireError`: a peer's bytes can never cause a RangeError, an endless
 * loop or a read past the end.
 */
import { decodeUtf8 } from "./utf8.ts";

/** What is wrong with the bytes. */
export type WireErrorKind =
  | "truncated_varint"
  | "varint_too_long"
  | "length_past_end"
  | "length_over_2_gib"
  | "bad_field_number"
  | "bad_wire_type"
  | "wrong_wire_type"
  | "group"
  | "invalid_utf8"
  | "nested_too_deep"
  | "too_many_records";

const sentences: Readonly<Record<WireErrorKind, string>> = {
  truncated_varint: "the bytes end inside a varint",
  varint_too_long: "a varint has more bits than its place allows",
  length_past_end: "a value reaches past the end of its message",
  length_over_2_gib: "a length is over 2 GiB",
  bad_field_number: "a field number is 0 or over 2^29 - 1",
  bad_wire_type: "a wire type is 6 or 7",
  wrong_wire_type: "a known field has the wire type of another",
  group: "a field is a group",
  invalid_utf8: "a string is not UTF-8",
  nested_too_deep: "messages are nested too deep",
  too_many_records: "the message has more records than allowed",
};

/** Malformed bytes: what is wrong, and where. */
export class WireError extends Error {
  override readonly name: string = "WireError";
  readonly kind: WireErrorKind;
  /** Where the malformed item starts in the buffer read. */
  readonly offset: number;

  constructor(kind: WireErrorKind, offset: number) {
    super(`Cannot read message: ${sentences[kind]} at byte ${offset}`);
    this.kind = kind;
    this.offset = offset;
  }
}

const varint = 0;
const fixed64 = 1;
const delimited = 2;
const groupStart = 3;
const groupEnd = 4;
const fixed32 = 5;

const scratch = new DataView(new ArrayBuffer(8));
const eightBytes = new Uint8Array(scratch.buffer);

/**
 * Reads the items of `buf` one after another. To read a nested message, set `end` to what
 * `delimited()` returned and restore it afterwards: no item is read past `end`. Views of the bytes
 * are not copies.
 */
export class WireReader {
  buf: Uint8Array;
  /** The next byte to read. */
  pos: number;
  /** One past the last byte that may be read. */
  end: number;
  /** The halves of the last 64-bit value read, unsigned. */
  low = 0;
  high = 0;

  constructor(buf: Uint8Array, start: number = 0, end: number = buf.length) {
    this.buf = buf;
    this.pos = start;
    this.end = end;
  }

  /** Reads a varint of up to 64 bits into `low` and `high`. */
  varint(): void {
    const { buf, end, pos: start } = this;
    let pos = start;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (pos >= end) throw new WireError("truncated_varint", start);
      const byte = buf[pos++]!;
      if (shift < 28) low |= (byte & 127) << shift;
      else if (shift > 28) high |= (byte & 127) << (shift - 32);
      else {
        low |= byte << 28;
        high = (byte & 127) >>> 4;
      }
      if (byte < 128) {
        if (shift === 63 && byte > 1) break;
        this.low = low >>> 0;
        this.high = high >>> 0;
        this.pos = pos;
        return;
      }
    }
    throw new WireError("varint_too_long", start);
  }

  /** A varint as uint32; bits over 32 are dropped, as protobuf prescribes. */
  uint32(): number {
    const { buf, pos } = this;
    if (pos < this.end && buf[pos]! < 128) {
      this.pos = pos + 1;
      return buf[pos]!;
    }
    this.varint();
    return this.low;
  }

  int32(): number {
    return this.uint32() | 0;
  }

  uint64(): bigint {
    this.varint();
    if (this.high === 0) return BigInt(this.low);
    return BigInt(this.high) << 32n | BigInt(this.low);
  }

  int64(): bigint {
    return BigInt.asIntN(64, this.uint64());
  }

  bool(): boolean {
    this.varint();
    return this.low !== 0 || this.high !== 0;
  }

  /** The number and wire type of the next field, as `number << 3 | wireType`. */
  tag(): number {
    const { buf, pos } = this;
    if (pos < this.end && buf[pos]! < 128 && buf[pos]! > 7) {
      this.pos = pos + 1;
      return buf[pos]!;
    }
    this.varint();
    if (this.pos - pos > 5) throw new WireError("varint_too_long", pos);
    if (this.high !== 0 || this.low < 8) {
      throw new WireError("bad_field_number", pos);
    }
    return this.low;
  }

  /** Reads a length; returns where the value that now starts at `pos` ends. */
  delimited(): number {
    const { buf, pos: start } = this;
    let length: number;
    if (start < this.end && buf[start]! < 128) {
      length = buf[start]!;
      this.pos = start + 1;
    } else {
      this.varint();
      if (this.pos - start > 5) throw new WireError("varint_too_long", start);
      if (this.high !== 0 || this.low > 0x7fff_ffff) {
        throw new WireError("length_over_2_gib", start);
      }
      length = this.low;
    }
    if (length > this.end - this.pos) {
      throw new WireError("length_past_end", start);
    }
    return this.pos + length;
  }

  /** Passes over the value of a field whose tag has been read. Groups are refused. */
  skip(wireType: number, fieldNumber: number): void {
    if (fieldNumber === 0) throw new WireError("bad_field_number", this.pos);
    switch (wireType) {
      case varint:
        return this.varint();
      case delimited:
        this.pos = this.delimited();
        return;
      case fixed32:
        return void this.#take(4);
      case fixed64:
        return void this.#take(8);
      case groupStart:
      case groupEnd:
        throw new WireError("group", this.pos);
      default:
        throw new WireError("bad_wire_type", this.pos);
    }
  }

  /** A byte field, as a view of the buffer. */
  bytes(): Uint8Array {
    const end = this.delimited();
    const start = this.pos;
    this.pos = end;
    return this.buf.subarray(start, end);
  }

  string(): string {
    const end = this.delimited();
    const text = decodeUtf8(this.buf, this.pos, end);
    if (text === undefined) throw new WireError("invalid_utf8", this.pos);
    this.pos = end;
    return text;
  }

  fixed32(): number {
    return this.#fixed(4).getUint32(0, true);
  }

  fixed64(): bigint {
    return this.#fixed(8).getBigUint64(0, true);
  }

  float(): number {
    return this.#fixed(4).getFloat32(0, true);
  }

  double(): number {
    return this.#fixed(8).getFloat64(0, true);
  }

  /** Where the next `size` bytes start; the reader then stands behind them. */
  #take(size: number): number {
    const start = this.pos;
    if (size > this.end - start) throw new WireError("length_past_end", start);
    this.pos = start + size;
    return start;
  }

  #fixed(size: number): DataView {
    const start = this.#take(size);
    for (let i = 0; i < size; i++) eightBytes[i] = this.buf[start + i]!;
    return scratch;
  }
}
