/**
 * Reads letters back from the KV. Letters change and go while they are read; only one that is there
 * and still cannot be read is called damaged.
 */
import { messageOf } from "../errors.ts";
import { letterReadBytesAtOnce, letterReadsAtOnce } from "../limits.ts";
import type { Scheduler } from "../scheduler.ts";
import type { Kv } from "./kv.ts";
import type { LetterHead } from "./letter.ts";
import type { IndexedLetter, LetterIndex } from "./letter_index.ts";
import {
  decodeHead,
  decodePart,
  headKey,
  joinParts,
  partKey,
} from "./letter_record.ts";
import { bytesOf, RecordError } from "./record.ts";
import { StorageError } from "./storage_error.ts";

/** A letter as it stands in the KV. */
export interface ReadLetter extends LetterHead {
  readonly record: Uint8Array;
}

/** Letters of a KV. */
export class LetterReader {
  readonly #kv: Kv;
  readonly #place: string;
  readonly #index: LetterIndex;
  readonly #scheduler: Scheduler;
  readonly #underWay: Set<Promise<unknown>> = new Set();

  constructor(
    kv: Kv,
    place: string,
    index: LetterIndex,
    scheduler: Scheduler,
  ) {
    this.#kv = kv;
    this.#place = place;
    this.#index = index;
    this.#scheduler = scheduler;
  }

  /** The letter; undefined when it is gone meanwhile. */
  read(letter: IndexedLetter): Promise<ReadLetter | undefined> {
    const reading = this.#readChanging(letter)
      .finally(() => this.#underWay.delete(reading));
    this.#underWay.add(reading);
    return reading;
  }

  /** Resolves when nothing is read that is read now. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#underWay);
  }

  async #readChanging(
    letter: IndexedLetter,
  ): Promise<ReadLetter | undefined> {
    const { id } = letter;
    let expected = letter;
    for (let again = false;;) {
      try {
        return await this.#read(id);
      } catch (error) {
        if (!(error instanceof RecordError)) throw error;
        // The index learns of a commit a moment after the KV.
        await new Promise<void>((resolve) => this.#scheduler.soon(resolve));
        const found = this.#index.get(id);
        if (found === undefined) return undefined;
        if (found === expected && again) {
          throw damagedLetters(
            this.#place,
            `dead letter ${id} ${error.message}; discard it`,
            error,
          );
        }
        again = found === expected;
        expected = found;
      }
    }
  }

  async #read(id: string): Promise<ReadLetter> {
    const { head, body, inline } = decodeHead(
      await this.#value(headKey(id)),
      id,
    );
    if (body.parts === 0) return { ...head, record: inline };
    const { generation } = body;
    const parts: Uint8Array[] = [];
    for (let part = 0; part < body.parts; part++) {
      const value = await this.#value(partKey(id, generation, part));
      parts.push(decodePart(value, id, generation, part));
    }
    return { ...head, record: joinParts(body, parts) };
  }

  async #value(key: Deno.KvKey): Promise<Uint8Array> {
    let value: unknown;
    try {
      ({ value } = await this.#kv.get(key));
    } catch (error) {
      throw new RecordError(`cannot be read: ${messageOf(error)}`);
    }
    if (value === null) throw new RecordError("misses a part");
    return bytesOf(value);
  }
}

/** The letters in portions that are read at once. */
export function* portions(
  letters: readonly IndexedLetter[],
): Generator<readonly IndexedLetter[], void, void> {
  let from = 0;
  let bytes = 0;
  for (const [at, letter] of letters.entries()) {
    const full = at - from === letterReadsAtOnce ||
      bytes + letter.bytes > letterReadBytesAtOnce;
    if (at > from && full) {
      yield letters.slice(from, at);
      from = at;
      bytes = 0;
    }
    bytes += letter.bytes;
  }
  if (from < letters.length) yield letters.slice(from);
}

/** Letters that cannot be believed. */
export function damagedLetters(
  place: string,
  what: string,
  cause?: unknown,
): StorageError {
  return new StorageError("corrupt", `Cannot use ${place}: ${what}`, cause);
}
