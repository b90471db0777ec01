/**
 * Which letters there are, in memory: what decides whether one more may be kept, and answers every
 * question but for the contents. Some 300 bytes a letter, and the number of letters is bounded.
 * Whoever looks at all of them does so in slices, with turns for others between.
 */
import { OrderedTable } from "../state/ordered_table.ts";
import type { LetterFilter, LetterHead } from "./letter.ts";
import { type LetterBody, storedBytes } from "./letter_record.ts";

/** What letters have in common. There is one of each kind, so that its texts are there once. */
export interface LetterKind {
  readonly pipelineId: string;
  readonly stageId: string;
  readonly errorCode: string;
}

/** A letter, without its contents. */
export interface IndexedLetter {
  readonly id: string;
  readonly kind: LetterKind;
  readonly lastFailureMs: number;
  readonly expiresAtMs: number;
  readonly body: LetterBody;
  /** Bytes that it takes in the store. */
  readonly bytes: number;
}

/** Some of the letters that are looked for. */
export interface LetterSlice {
  readonly letters: readonly IndexedLetter[];
  /** The id to go on behind; undefined when there are no more. */
  readonly next: string | undefined;
}

interface Kind extends LetterKind {
  letters: number;
}

/** The letters of a store. */
export class LetterIndex {
  readonly #letters: OrderedTable<IndexedLetter> = new OrderedTable();
  readonly #kinds: Map<string, Kind> = new Map();
  readonly #pipelines: Map<string, number> = new Map();
  /** Letters that somebody has taken, and whether they were kept again since. */
  readonly #held: Map<string, boolean> = new Map();
  #bytes = 0;
  /** No letter expires before then. */
  #nextExpiryMs = Infinity;

  get count(): number {
    return this.#letters.size;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** The highest id that there is; empty when there is none. */
  get lastId(): string {
    return this.#letters.lastKey ?? "";
  }

  /** Letters of one pipeline. */
  countOf(pipelineId: string): number {
    return this.#pipelines.get(pipelineId) ?? 0;
  }

  get(id: string): IndexedLetter | undefined {
    return this.#letters.get(id);
  }

  /** Notes a letter, in place of one with its id. */
  add(head: LetterHead, body: LetterBody): void {
    const { id, lastFailureMs, expiresAtMs } = head;
    const kind = this.#kindOf(head);
    kind.letters++;
    this.remove(id);
    const bytes = storedBytes(head, body);
    const letter = { id, kind, lastFailureMs, expiresAtMs, body, bytes };
    this.#letters.set(id, letter);
    this.#bytes += bytes;
    this.#pipelines.set(kind.pipelineId, this.countOf(kind.pipelineId) + 1);
    this.#nextExpiryMs = Math.min(this.#nextExpiryMs, expiresAtMs);
  }

  /** Whether there was such a letter. */
  remove(id: string): boolean {
    const letter = this.#letters.get(id);
    if (letter === undefined) return false;
    this.#letters.delete(id);
    this.#bytes -= letter.bytes;
    const kind = letter.kind as Kind;
    if (--kind.letters === 0) this.#kinds.delete(kindKey(kind));
    const left = this.countOf(kind.pipelineId) - 1;
    if (left > 0) this.#pipelines.set(kind.pipelineId, left);
    else this.#pipelines.delete(kind.pipelineId);
    return true;
  }

  /** Takes a letter, so that nobody else does and it stays; false when it is not there or taken. */
  hold(id: string): boolean {
    if (!this.#letters.has(id) || this.#held.has(id)) return false;
    this.#held.set(id, false);
    return true;
  }

  release(id: string): void {
    this.#held.delete(id);
  }

  /**
   * Whether a letter may be kept under the id of one that was sent through: only one of those that
   * came of it can, when it was split or went to several stages.
   */
  returnsTo(id: string): boolean {
    const returned = this.#held.get(id);
    if (returned === false) this.#held.set(id, true);
    return returned !== true;
  }

  /** Of the next `most` letters behind the id `after`, those that `filter` selects. */
  slice(
    filter: LetterFilter,
    nowMs: number,
    after: string,
    most: number,
  ): LetterSlice {
    const letters: IndexedLetter[] = [];
    let seen = 0;
    let last = after;
    for (const letter of this.#from(filter, after)) {
      if (seen++ === most) return { letters, next: last };
      last = letter.id;
      if (selects(filter, letter) && !this.#isOver(letter, nowMs)) {
        letters.push(letter);
      }
    }
    return { letters, next: undefined };
  }

  /** Up to `most` letters whose time is over. */
  expired(nowMs: number, most: number): readonly IndexedLetter[] {
    if (nowMs < this.#nextExpiryMs) return [];
    const over: IndexedLetter[] = [];
    let nextMs = Infinity;
    for (const letter of this.#letters.values()) {
      if (!this.#isOver(letter, nowMs)) {
        nextMs = Math.min(nextMs, letter.expiresAtMs);
        continue;
      }
      over.push(letter);
      if (over.length === most) return over;
    }
    this.#nextExpiryMs = nextMs;
    return over;
  }

  /** Those behind `after`, ascending. */
  *#from({ ids }: LetterFilter, after: string): Iterable<IndexedLetter> {
    if (ids === undefined) {
      for (const [id, letter] of this.#letters.entriesFrom(after)) {
        if (id !== after) yield letter;
      }
      return;
    }
    for (const id of [...new Set(ids)].sort()) {
      const letter = id > after ? this.#letters.get(id) : undefined;
      if (letter) yield letter;
    }
  }

  /** Whether the letter is no longer kept, though it may still be there. */
  isOver(id: string, nowMs: number): boolean {
    const letter = this.#letters.get(id);
    return letter === undefined || this.#isOver(letter, nowMs);
  }

  #isOver({ id, expiresAtMs }: IndexedLetter, nowMs: number): boolean {
    return expiresAtMs <= nowMs && !this.#held.has(id);
  }

  #kindOf({ pipelineId, stageId, errorCode }: LetterHead): Kind {
    const key = kindKey({ pipelineId, stageId, errorCode });
    let kind = this.#kinds.get(key);
    if (kind === undefined) {
      kind = { pipelineId, stageId, errorCode, letters: 0 };
      this.#kinds.set(key, kind);
    }
    return kind;
  }
}

function selects(
  { pipelineId, stageId, errorCode, failedFromMs, failedBeforeMs }:
    LetterFilter,
  { kind, lastFailureMs }: IndexedLetter,
): boolean {
  return (pipelineId === undefined || pipelineId === kind.pipelineId) &&
    (stageId === undefined || stageId === kind.stageId) &&
    (errorCode === undefined || errorCode === kind.errorCode) &&
    (failedFromMs === undefined || lastFailureMs >= failedFromMs) &&
    (failedBeforeMs === undefined || lastFailureMs < failedBeforeMs);
}

/** The same for kinds that are alike. */
export function kindKey(
  { pipelineId, stageId, errorCode }: LetterKind,
): string {
  return JSON.stringify([pipelineId, stageId, errorCode]);
}
