/**
 * What of a work is still to be sent, as the positions of one call after another. What is to be tried
 * again is put before the rest, and a chunk that is split stays in its place, so that the order of
 * the work is kept however often calls fail.
 */

/** Positions to send in one call. */
export interface Chunk {
  readonly positions: Uint32Array;
  /** Whether it is meant for one instance: where that depends on the records' keys. */
  readonly grouped: boolean;
}

/** The chunks of one work, in the order of their calls. */
export class Chunks {
  /** The next one last. */
  readonly #chunks: Chunk[] = [];

  /** Whether nothing is left to send. */
  get isEmpty(): boolean {
    return this.#chunks.length === 0;
  }

  /** The chunk that is sent next, or is under way. There must be one. */
  get next(): Chunk {
    return this.#chunks[this.#chunks.length - 1]!;
  }

  /** Puts a chunk before the others. */
  put(positions: Uint32Array, grouped = false): void {
    this.#chunks.push({ positions, grouped });
  }

  /** The next chunk is done with; returns it. */
  take(): Chunk {
    return this.#chunks.pop()!;
  }

  /** Sends the two halves of the next chunk instead. */
  halve(): void {
    this.splitAt(Math.ceil(this.next.positions.length / 2));
  }

  /** Sends the first `size` positions of the next chunk, then the rest of it. */
  splitAt(size: number): void {
    const { positions, grouped } = this.take();
    this.put(positions.subarray(size), grouped);
    this.put(positions.subarray(0, size), grouped);
  }

  /** Sends these groups of the next chunk's positions instead, one after the other. */
  group(groups: readonly (readonly number[])[]): void {
    this.take();
    for (let n = groups.length - 1; n >= 0; n--) {
      this.put(Uint32Array.from(groups[n]!), true);
    }
  }
}
