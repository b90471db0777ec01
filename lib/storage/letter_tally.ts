/** Counts letters, some at a time. */
import type { LetterCount, LetterStats } from "./letter.ts";
import {
  type IndexedLetter,
  kindKey,
  type LetterKind,
} from "./letter_index.ts";

/** A count that goes on. */
export class LetterTally {
  #count = 0;
  #bytes = 0;
  #oldestMs: number | undefined;
  #newestMs: number | undefined;
  /** The index drops a kind with its last letter, so the same one may come as another object. */
  readonly #kinds: Map<LetterKind, number> = new Map();

  add(letters: readonly IndexedLetter[]): void {
    for (const { bytes, kind, lastFailureMs: ms } of letters) {
      this.#count++;
      this.#bytes += bytes;
      if (this.#oldestMs === undefined || ms < this.#oldestMs) {
        this.#oldestMs = ms;
      }
      if (this.#newestMs === undefined || ms > this.#newestMs) {
        this.#newestMs = ms;
      }
      this.#kinds.set(kind, (this.#kinds.get(kind) ?? 0) + 1);
    }
  }

  stats(): LetterStats {
    const counts = new Map<string, LetterCount>();
    for (const [kind, count] of this.#kinds) {
      const { pipelineId, stageId, errorCode } = kind;
      const key = kindKey(kind);
      counts.set(key, {
        pipelineId,
        stageId,
        errorCode,
        count: count + (counts.get(key)?.count ?? 0),
      });
    }
    return {
      count: this.#count,
      bytes: this.#bytes,
      oldestMs: this.#oldestMs,
      newestMs: this.#newestMs,
      counts: [...counts.values()].sort((a, b) => b.count - a.count),
    };
  }
}
