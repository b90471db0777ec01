/**
 * Appends the primitives of the protobuf wire format to one buffer that grows. What it writes,
 * `WireReader` of wire.ts and every other protobuf reader reads.
 */
import { invariant } from "../lib/invariant.ts";

const encoder = new TextEncoder();
const scratch = new DataView(new ArrayBuffer(8));
const eightBytes = new Uint8Array(scratch.buffer);
const fourBytes = eightBytes.subarray(0, 4);

/** Longer strings are encoded apart, so as not to reserve three bytes for each character. */
const inPlaceStringMax = 1024;

/** What most messages fit. */
const smallBytes = 128;
/** A message that is kept keeps its block: few enough bytes not to matter. */
const blockBytes = 64 * smallBytes;
let block = new Uint8Array(0);
let blockUsed = 0;

/** A piece of a block: making and collecting a buffer for each message costs more than writing it. */
function smallBuffer(): Uint8Array {
  if (blockUsed === block.length) {
    block = new Uint8Array(blockBytes);
    blockUsed = 0;
  }
  return block.subarray(blockUsed, blockUsed += smallBytes);
}

/**
 * Appends items to a buffer that grows. Nested messages: `fork()`, write the fields, `ldelim()`.
 * Values are written as they are: their range is for the caller to check.
 */
export class WireWriter {
  #buf: Uint8Array;
  #pos = 0;
  /** Where the nested messages now open start. */
  readonly #open: number[] = [];

  /** Give `capacity` when the size is known: the buffer is then allocated once. */
  constructor(capacity?: number) {
    this.#buf = capacity === undefined
      ? smallBuffer()
      : new Uint8Array(capacity);
  }

  uint32(value: number): this {
    this.#reserve(5);
    let rest = value >>> 0;
    while (rest > 127) {
      this.#buf[this.#pos++] = rest & 127 | 128;
      rest >>>= 7;
    }
    this.#buf[this.#pos++] = rest;
    return this;
  }

  /** Negative values take 10 bytes, as protobuf prescribes. */
  int32(value: number): this {
    return value < 0
      ? this.#varint64(value >>> 0, 0xffff_ffff)
      : this.uint32(value);
  }

  uint64(value: bigint | number): this {
    const exact = typeof value === "bigint"
      ? BigInt.asUintN(64, value) === value
      : value >= 0 && Number.isSafeInteger(value);
    if (!exact) invariant(false, `${value} is no uint64`); // text is slow
    if (typeof value === "bigint") {
      return this.#varint64(Number(value & 0xffff_ffffn), Number(value >> 32n));
    }
    return this.#varint64(value >>> 0, Math.floor(value / 0x1_0000_0000));
  }

  int64(value: bigint | number): this {
    return this.uint64(BigInt.asUintN(64, BigInt(value)));
  }

  bool(value: boolean): this {
    return this.uint32(value ? 1 : 0);
  }

  fixed32(value: number): this {
    scratch.setUint32(0, value, true);
    return this.raw(fourBytes);
  }

  fixed64(value: bigint): this {
    scratch.setBigUint64(0, value, true);
    return this.raw(eightBytes);
  }

  float(value: number): this {
    scratch.setFloat32(0, value, true);
    return this.raw(fourBytes);
  }

  double(value: number): this {
    scratch.setFloat64(0, value, true);
    return this.raw(eightBytes);
  }

  /** A string with its length; what is not well-formed UTF-16 becomes U+FFFD. */
  string(value: string): this {
    if (value.length > inPlaceStringMax) {
      return this.bytes(encoder.encode(value));
    }
    this.#reserve(5 + 3 * value.length);
    this.fork();
    this.#pos += encoder.encodeInto(value, this.#buf.subarray(this.#pos))
      .written;
    return this.ldelim();
  }

  /** Bytes with their length. */
  bytes(value: Uint8Array): this {
    return this.uint32(value.length).raw(value);
  }

  /** Bytes that are already in wire format: fields with their tags. */
  raw(value: Uint8Array): this {
    this.#reserve(value.length);
    this.#buf.set(value, this.#pos);
    this.#pos += value.length;
    return this;
  }

  /** Opens a nested message: everything up to its `ldelim()` is its content. */
  fork(): this {
    this.#reserve(1);
    this.#open.push(++this.#pos);
    return this;
  }

  /** Closes the innermost nested message and puts its length before it. */
  ldelim(): this {
    const start = this.#open.pop();
    invariant(start !== undefined, "ldelim() without fork()");
    const length = this.#pos - start;
    const more = varintSize(length) - 1;
    if (more > 0) {
      this.#reserve(more);
      this.#buf.copyWithin(start + more, start, this.#pos);
    }
    this.#pos = start - 1;
    this.uint32(length);
    this.#pos += length;
    return this;
  }

  /** What was written, as a view of the writer's buffer; the writer must not be used again. */
  finish(): Uint8Array {
    invariant(this.#open.length === 0, "finish() inside a nested message");
    return this.#buf.subarray(0, this.#pos);
  }

  #varint64(low: number, high: number): this {
    if (high === 0) return this.uint32(low);
    this.#reserve(10);
    while (high > 0 || low > 127) {
      this.#buf[this.#pos++] = low & 127 | 128;
      low = (low >>> 7 | high << 25) >>> 0;
      high >>>= 7;
    }
    this.#buf[this.#pos++] = low;
    return this;
  }

  #reserve(size: number): void {
    const needed = this.#pos + size;
    if (needed <= this.#buf.length) return;
    // Some more, or closing the messages around one large field would double it.
    const grown = new Uint8Array(Math.max(needed + 64, this.#buf.length * 2));
    grown.set(this.#buf.subarray(0, this.#pos));
    this.#buf = grown;
  }
}

/** How many bytes `value`, an unsigned 32-bit integer, takes as a varint. */
export function varintSize(value: number): number {
  if (value < 0x4000) return value < 0x80 ? 1 : 2;
  return (38 - Math.clz32(value)) / 7 | 0;
}
