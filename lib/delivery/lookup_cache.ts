/**
 * What a lookup answered, kept for as long as its stage allows. Entries are found by the values of
 * the key fields; the least recently used goes first when there are too many, or too many bytes.
 */
import type { RecordView } from "../../proto/record_view.ts";
import { lookupCacheAnswerBytesMax, lookupCacheBytesMax } from "../limits.ts";

/** An answer: metadata to add to the record, serialized, or that there is none. */
export type LookupAnswer = Uint8Array | "miss";

interface Entry {
  readonly answer: LookupAnswer;
  readonly untilMs: number;
}

/** The answers of one stage. */
export class LookupCache {
  readonly #entriesMax: number;
  readonly #ttlMs: number;
  /** In the order of their last use. */
  readonly #entries: Map<string, Entry> = new Map();
  #oldest: MapIterator<[string, Entry]> = this.#entries.entries();
  #bytes = 0;

  constructor(entriesMax: number, ttlMs: number) {
    this.#entriesMax = entriesMax;
    this.#ttlMs = ttlMs;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** The answer under `key`, if it is not too old. */
  get(key: string, nowMs: number): LookupAnswer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#delete(key, entry);
    if (entry.untilMs <= nowMs) return undefined;
    this.#put(key, entry);
    return entry.answer;
  }

  /** Keeps an answer; one that is very large is not kept. */
  set(key: string, answer: LookupAnswer, nowMs: number): void {
    if (answer.length > lookupCacheAnswerBytesMax) return;
    const before = this.#entries.get(key);
    if (before !== undefined) this.#delete(key, before);
    this.#put(key, { answer, untilMs: nowMs + this.#ttlMs });
    while (
      this.#entries.size > this.#entriesMax || this.#bytes > lookupCacheBytesMax
    ) {
      const [oldest, entry] = this.#nextOldest();
      this.#delete(oldest, entry);
    }
  }

  /**
   * The oldest entry, which is to be deleted. One iterator goes on from one to the next: a new one would
   * walk over the places of all that were deleted before.
   */
  #nextOldest(): [key: string, entry: Entry] {
    let next = this.#oldest.next();
    if (next.done) {
      this.#oldest = this.#entries.entries();
      next = this.#oldest.next();
    }
    return next.value!;
  }

  #put(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#bytes += bytesOf(key, entry);
  }

  #delete(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#bytes -= bytesOf(key, entry);
  }
}

function bytesOf(key: string, { answer }: Entry): number {
  return key.length * 2 + answer.length;
}

/**
 * The key of record `i` in the cache: the values of the fields by which it is looked up, from its
 * metadata or, for "key" and "record_type", the record itself. Undefined when one is not there: the
 * service may know it from elsewhere, so its answer is not kept.
 */
export function lookupCacheKey(
  view: RecordView,
  i: number,
  keyFields: readonly string[],
): string | undefined {
  const values: string[] = [];
  for (const field of keyFields) {
    const value = view.metadataValue(i, field) ?? ownField(view, i, field);
    if (value === undefined) return undefined;
    values.push(value);
  }
  return JSON.stringify(values);
}

function ownField(
  view: RecordView,
  i: number,
  field: string,
): string | undefined {
  if (field === "record_type") return view.recordTypes[i];
  if (field !== "key") return undefined;
  // One character for each byte: keys that are not text must not be taken for one another.
  return Array.from(view.key(i), (byte) => String.fromCharCode(byte)).join("");
}
