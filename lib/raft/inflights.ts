/**
 * The appends to one peer that it has not answered: a window bounded in messages and in bytes. A
 * ring, because acks come in order and one ack answers everything up to its index.
 */
import { invariant } from "../invariant.ts";

/** A window of unanswered appends. */
export class Inflights {
  readonly #maxCount: number;
  readonly #maxBytes: number;
  #indexes: number[] = [];
  #sizes: number[] = [];
  #start = 0;
  #count = 0;
  #bytes = 0;

  constructor(maxCount: number, maxBytes: number) {
    this.#maxCount = maxCount;
    this.#maxBytes = maxBytes;
  }

  get count(): number {
    return this.#count;
  }

  /** Whether the next append must wait; a single append may go past the bytes. */
  get full(): boolean {
    return this.#count === this.#maxCount || this.#bytes >= this.#maxBytes;
  }

  /** Adds an append whose last entry is `index`. Only when the window is not full. */
  add(index: number, bytes: number): void {
    invariant(!this.full, "an append went into a full window");
    if (this.#count === this.#indexes.length) this.#grow();
    const at = (this.#start + this.#count) % this.#indexes.length;
    this.#indexes[at] = index;
    this.#sizes[at] = bytes;
    this.#count++;
    this.#bytes += bytes;
  }

  /** Frees what an ack of `index` answers. */
  freeUpTo(index: number): void {
    while (this.#count > 0 && this.#indexes[this.#start]! <= index) {
      this.#bytes -= this.#sizes[this.#start]!;
      this.#start = (this.#start + 1) % this.#indexes.length;
      this.#count--;
    }
  }

  /** Forgets all: they are lost, or no longer counted. */
  clear(): void {
    this.#start = 0;
    this.#count = 0;
    this.#bytes = 0;
  }

  /** Doubles the ring: most peers never need the whole window. */
  #grow(): void {
    const size = Math.min(this.#maxCount, Math.max(8, this.#count * 2));
    const indexes = new Array<number>(size).fill(0);
    const sizes = new Array<number>(size).fill(0);
    for (let at = 0; at < this.#count; at++) {
      const from = (this.#start + at) % this.#indexes.length;
      indexes[at] = this.#indexes[from]!;
      sizes[at] = this.#sizes[from]!;
    }
    this.#indexes = indexes;
    this.#sizes = sizes;
    this.#start = 0;
  }
}
