/**
 * The scalar types of protobuf: how each is checked, written and read, and its default.
 */
import { invariant } from "../lib/invariant.ts";
import type { WireReader } from "./wire.ts";
import type { WireWriter } from "./wire_writer.ts";

/** A value that breaks the rule of its field; `path` grows as it leaves the messages around it. */
export class BadValue extends Error {
  path = "";

  constructor(readonly rule: string, readonly found: unknown) {
    super(rule);
  }

  /** The same, seen from the message or list around it. */
  within(step: string): this {
    this.path = this.path === "" || this.path.startsWith("[")
      ? step + this.path
      : `${step}.${this.path}`;
    return this;
  }
}

/** One scalar type. */
export interface Scalar {
  readonly wireType: number;
  readonly fallback: unknown;
  /** Writes `value` without its tag; throws BadValue when it is not of this type. */
  readonly write: (writer: WireWriter, value: unknown) => void;
  readonly read: (reader: WireReader) => unknown;
}

const varint = 0;
const fixed64 = 1;
const delimited = 2;
const fixed32 = 5;

const uint32Max = 2 ** 32 - 1;
const int32Max = 2 ** 31 - 1;

function integer(value: unknown, min: number, max: number): number {
  if (
    typeof value === "number" && Number.isInteger(value) && value >= min &&
    value <= max
  ) {
    return value;
  }
  throw new BadValue(`must be an integer from ${min} to ${max}`, value);
}

function bigInteger(value: unknown, min: bigint, max: bigint): bigint {
  if (typeof value === "bigint" && value >= min && value <= max) return value;
  // A safe integer loses nothing: { sequenceNumber: 7 } from untyped code is what it says.
  if (typeof value === "number" && Number.isSafeInteger(value)) {
    return bigInteger(BigInt(value), min, max);
  }
  throw new BadValue(`must be a bigint from ${min} to ${max}`, value);
}

function text(value: unknown): string {
  if (typeof value === "string") return value;
  throw new BadValue("must be a string", value);
}

function bool(value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new BadValue("must be a boolean", value);
}

function float(value: unknown): number {
  if (typeof value === "number") return value;
  throw new BadValue("must be a number", value);
}

function bytes(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new BadValue("must be a Uint8Array", value);
}

const uint64Max = 2n ** 64n - 1n;
const int64Max = 2n ** 63n - 1n;

const scalars: { readonly [type: string]: Scalar } = {
  uint32: {
    wireType: varint,
    fallback: 0,
    write: (w, v) => void w.uint32(integer(v, 0, uint32Max)),
    read: (r) => r.uint32(),
  },
  int32: {
    wireType: varint,
    fallback: 0,
    write: (w, v) => void w.int32(integer(v, -int32Max - 1, int32Max)),
    read: (r) => r.int32(),
  },
  uint64: {
    wireType: varint,
    fallback: 0n,
    write: (w, v) => void w.uint64(bigInteger(v, 0n, uint64Max)),
    read: (r) => r.uint64(),
  },
  int64: {
    wireType: varint,
    fallback: 0n,
    write: (w, v) => void w.int64(bigInteger(v, -int64Max - 1n, int64Max)),
    read: (r) => r.int64(),
  },
  bool: {
    wireType: varint,
    fallback: false,
    write: (w, v) => void w.bool(bool(v)),
    read: (r) => r.bool(),
  },
  float: {
    wireType: fixed32,
    fallback: 0,
    write: (w, v) => void w.float(float(v)),
    read: (r) => r.float(),
  },
  double: {
    wireType: fixed64,
    fallback: 0,
    write: (w, v) => void w.double(float(v)),
    read: (r) => r.double(),
  },
  string: {
    wireType: delimited,
    fallback: "",
    write: (w, v) => void w.string(text(v)),
    read: (r) => r.string(),
  },
  bytes: {
    wireType: delimited,
    fallback: new Uint8Array(0),
    write: (w, v) => void w.bytes(bytes(v)),
    read: (r) => r.bytes(),
  },
};

/** The scalar named `type`; enums are int32 on the wire, numbers unknown to the schema included. */
export function scalarOf(type: string): Scalar {
  const scalar = scalars[type];
  invariant(
    scalar,
    `the schema uses the scalar type "${type}", which has no codec`,
  );
  return scalar;
}

/** Whether an implicit-presence field with this value is left out of the message. */
export function isDefault(scalar: Scalar, value: unknown): boolean {
  if (value instanceof Uint8Array) return value.length === 0;
  // Object.is: the double -0 is not the default 0. A default given as the number 0 is one too.
  return Object.is(value, scalar.fallback) ||
    (scalar.fallback === 0n && value === 0);
}
