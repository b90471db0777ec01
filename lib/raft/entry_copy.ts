/**
 * Takes entries over from a caller, whose buffers (a frame off the wire, a request) may be used
 * again once the call returns. Small data goes into a shared chunk, one allocation for many entries;
 * what shares a chunk lies side by side in the log, and so is let go of at about the same time.
 */
import type { Entry } from "./types.ts";

/** Bytes that small data shares. */
const chunkBytes = 64 * 1024;
/** Larger data gets a buffer of its own, so that no chunk ends half empty. */
const sharedBytesMax = 8 * 1024;

/** Copies entries; each node has its own. */
export class EntryCopier {
  #chunk = new ArrayBuffer(0);
  #used = 0;

  /** Copies of the entries from place `start` on. */
  copy(entries: readonly Entry[], start = 0): Entry[] {
    const copies: Entry[] = [];
    for (let at = start; at < entries.length; at++) {
      const { term, index, type, data } = entries[at]!;
      copies.push({ term, index, type, data: this.#own(data) });
    }
    return copies;
  }

  /** Copies of the entries as those of `term`, from `index` on. */
  number(entries: readonly Entry[], term: number, index: number): Entry[] {
    const copies: Entry[] = [];
    for (let at = 0; at < entries.length; at++) {
      const { type, data } = entries[at]!;
      copies.push({ term, index: index + at, type, data: this.#own(data) });
    }
    return copies;
  }

  #own(data: Uint8Array): Uint8Array {
    const bytes = data.length;
    if (bytes > sharedBytesMax) return data.slice();
    if (this.#used + bytes > this.#chunk.byteLength) {
      this.#chunk = new ArrayBuffer(chunkBytes);
      this.#used = 0;
    }
    const copy = new Uint8Array(this.#chunk, this.#used, bytes);
    copy.set(data);
    this.#used += bytes;
    return copy;
  }
}
