/**
 * Reads a record's metadata, entry by entry or one value of it, from a record whose shape has been
 * checked. Where a key comes twice the later value counts, as in every protobuf map.
 */
import type { FieldReader } from "./field_reader.ts";
import { cachedText } from "./text_cache.ts";

const metadataTag = 0x2a;
const keyTag = 0x0a;
const valueTag = 0x12;

const encoder = new TextEncoder();

/** One cursor over the entries of one record at a time. */
export class MetadataReader {
  #keyStart = 0;
  #keyEnd = 0;
  #valueStart = 0;
  #valueEnd = 0;
  /** The key asked for last, and its bytes: a condition asks for the same one again and again. */
  #key = "";
  #keyBytes: Uint8Array = new Uint8Array(0);

  /** All metadata of the Record that `record` is to read. */
  all(record: FieldReader): Map<string, string> {
    const { buf } = record;
    const metadata = new Map<string, string>();
    while (this.#next(record)) {
      metadata.set(
        cachedText(buf, this.#keyStart, this.#keyEnd),
        cachedText(buf, this.#valueStart, this.#valueEnd),
      );
    }
    return metadata;
  }

  /** The value under `key`; undefined when there is none. Other entries are not decoded. */
  value(record: FieldReader, key: string): string | undefined {
    if (key !== this.#key) {
      this.#key = key;
      this.#keyBytes = encoder.encode(key);
    }
    let start = -1;
    let end = -1;
    while (this.#next(record)) {
      if (!this.#keyMatches(record.buf)) continue;
      start = this.#valueStart;
      end = this.#valueEnd;
    }
    return start < 0 ? undefined : cachedText(record.buf, start, end);
  }

  #next(record: FieldReader): boolean {
    if (!record.next(metadataTag)) return false;
    const { buf, pos, valueEnd: entryEnd, end: recordEnd } = record;
    // The layout that writers use, with lengths under 128: nothing has to be read field by field.
    if (pos + 3 < entryEnd && buf[pos] === keyTag && buf[pos + 1]! < 128) {
      const keyEnd = pos + 2 + buf[pos + 1]!;
      const length = buf[keyEnd + 1]!;
      if (
        buf[keyEnd] === valueTag && length < 128 &&
        keyEnd + 2 + length === entryEnd
      ) {
        this.#keyStart = pos + 2;
        this.#keyEnd = keyEnd;
        this.#valueStart = keyEnd + 2;
        this.#valueEnd = record.pos = entryEnd;
        return true;
      }
    }
    this.#keyStart =
      this.#keyEnd =
      this.#valueStart =
      this.#valueEnd =
        0;
    record.end = entryEnd;
    while (record.pos < entryEnd) {
      const tag = record.field();
      if (tag === keyTag) {
        this.#keyStart = record.pos;
        this.#keyEnd = record.valueEnd;
      } else if (tag === valueTag) {
        this.#valueStart = record.pos;
        this.#valueEnd = record.valueEnd;
      }
      record.skipValue(tag);
    }
    record.end = recordEnd;
    return true;
  }

  #keyMatches(buf: Uint8Array): boolean {
    const wanted = this.#keyBytes;
    if (wanted.length !== this.#keyEnd - this.#keyStart) return false;
    for (let i = 0; i < wanted.length; i++) {
      if (wanted[i] !== buf[this.#keyStart + i]) return false;
    }
    return true;
  }
}
