/**
 * Turns the bytes of short strings that come again and again (source ids, record types, values
 * that conditions ask for) into the same string object without decoding them each time. A slot
 * holds one text and the next one with its hash replaces it, so that a peer sending ever new names
 * costs time, never memory.
 */
import { cachedTextBytesMax, cachedTextsMax } from "../lib/limits.ts";
import type { FieldReader } from "./field_reader.ts";
import { decodeUtf8 } from "./utf8.ts";
import { WireError } from "./wire.ts";

const keys: (Uint8Array | undefined)[] = Array(cachedTextsMax).fill(undefined);
const texts: string[] = Array(cachedTextsMax).fill("");

/** The UTF-8 text in a range of `buf`; a WireError when it is not UTF-8. */
export function cachedText(
  buf: Uint8Array,
  start: number,
  end: number,
): string {
  if (start === end) return "";
  if (end - start > cachedTextBytesMax) return text(buf, start, end);
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) {
    hash = Math.imul(hash ^ buf[i]!, 0x01000193);
  }
  const slot = (hash ^ hash >>> 16) & cachedTextsMax - 1;
  const key = keys[slot];
  if (
    key !== undefined && key.length === end - start &&
    sameBytes(key, buf, start)
  ) {
    return texts[slot]!;
  }
  const found = text(buf, start, end);
  keys[slot] = buf.slice(start, end);
  texts[slot] = found;
  return found;
}

/**
 * Reads a text field that seldom changes from one record to the next: the bytes are compared with
 * those read before, and equal ones give the same string at once. For one buffer.
 */
export class RepeatedText {
  #start = 0;
  #length = 0;
  #text = "";

  /** Reads the text from `pos` to `end`. */
  read(reader: FieldReader, pos: number, end: number): string {
    const length = end - pos;
    if (
      length !== this.#length || !reader.sameBytes(pos, this.#start, length)
    ) {
      this.#text = cachedText(reader.buf, pos, end);
      this.#start = pos;
      this.#length = length;
    }
    return this.#text;
  }

  /**
   * The same text once more? If it stands at `pos`, behind its length: where it ends; else -1. It is
   * the text of `again` then.
   */
  endIfSame(reader: FieldReader, pos: number, end: number): number {
    const length = this.#length;
    const start = pos + 1;
    if (
      length === 0 || length > 127 || reader.buf[pos] !== length ||
      start + length > end || !reader.sameBytes(start, this.#start, length)
    ) return -1;
    return start + length;
  }

  /** The text read last. */
  get again(): string {
    return this.#text;
  }

  /** Forgets the text, before another buffer is read. */
  reset(): void {
    this.#length = 0;
    this.#text = "";
  }
}

function sameBytes(a: Uint8Array, b: Uint8Array, start: number): boolean {
  for (let i = 0; i < a.length; i++) {
    if (a[i] !== b[start + i]) return false;
  }
  return true;
}

function text(buf: Uint8Array, start: number, end: number): string {
  const found = decodeUtf8(buf, start, end);
  if (found === undefined) throw new WireError("invalid_utf8", start);
  return found;
}
