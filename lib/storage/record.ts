/**
 * How a value is sealed: a checksum over its kind and its body, before both. Deno KV neither
 * checksums nor notices a lost write, so every value that the store reads back is opened here, and
 * one that was damaged, cut or put under another's key is refused.
 */
import { WireError, WireReader } from "../../proto/wire.ts";
import { WireWriter } from "../../proto/wire_writer.ts";
import { crc32c } from "../crc32c.ts";

/** What is wrong with a value, as the end of a sentence that names it. */
export class RecordError extends Error {
  override readonly name: string = "RecordError";
}

/** The kinds, by the byte that stands for them. A kind whose body changes gets a new byte. */
export const recordKind = {
  identity: 1,
  hardState: 2,
  block: 3,
  manifest: 4,
  chunk: 5,
  letter: 6,
  letterPart: 7,
  letterIntent: 8,
} as const;

export type RecordKind = (typeof recordKind)[keyof typeof recordKind];

/** Bytes that sealing adds. */
export const sealBytes = 5;

/** A writer for the body of a record; `seal` closes it. */
export function openRecord(kind: RecordKind, bodyBytes?: number): WireWriter {
  const writer = new WireWriter(
    bodyBytes === undefined ? undefined : bodyBytes + sealBytes,
  );
  return writer.fixed32(0).raw(Uint8Array.of(kind));
}

/** The record with its checksum. */
export function seal(writer: WireWriter): Uint8Array {
  const sealed = writer.finish();
  const view = new DataView(sealed.buffer, sealed.byteOffset);
  view.setUint32(0, crc32c(sealed.subarray(4)), true);
  return sealed;
}

/** The checksum that a sealed record bears. */
export function sealOf(sealed: Uint8Array): number {
  return new DataView(sealed.buffer, sealed.byteOffset).getUint32(0, true);
}

/** What `read` makes of the body of a sealed record; RecordError when it is not one of `kind`. */
export function unseal<T>(
  kind: RecordKind,
  sealed: Uint8Array,
  read: (body: WireReader) => T,
): T {
  if (sealed.length < sealBytes) throw new RecordError("is cut off");
  if (sealOf(sealed) !== crc32c(sealed.subarray(4))) {
    throw new RecordError("has a wrong checksum");
  }
  if (sealed[4] !== kind) throw new RecordError("is a value of another kind");
  const body = new WireReader(sealed, sealBytes);
  try {
    const value = read(body);
    if (body.pos === body.end) return value;
    throw new RecordError(`has ${body.end - body.pos} bytes too many`);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new RecordError(`cannot be read: ${error.message}`);
  }
}

/** A term, an index, an id or a count: a safe integer, which is all that was ever written. */
export function readInteger(body: WireReader): number {
  body.varint();
  if (body.high > 0x1f_ffff) throw new RecordError("has a number over 2^53");
  return body.high * 0x1_0000_0000 + body.low;
}

/** The value as bytes, which is all that was ever written. */
export function bytesOf(value: unknown): Uint8Array {
  if (value instanceof Uint8Array) return value;
  throw new RecordError("is no bytes");
}

/** The parts of a value that took several. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const size = parts.reduce((sum, { length }) => sum + length, 0);
  const whole = new Uint8Array(size);
  let end = 0;
  for (const part of parts) {
    whole.set(part, end);
    end += part.length;
  }
  return whole;
}
