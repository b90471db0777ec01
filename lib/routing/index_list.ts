/** A list of record indexes that is filled once a batch, in room that is used again and again. */
import { viewRecordsKept } from "../limits.ts";

/** Records of a view: their indexes, rising, or all of them. Shared, never to be changed. */
export type Selection = "all" | Uint32Array;

/** The selection of no record. */
export const noRecords: Uint32Array = new Uint32Array(0);

/** Indexes in the order added. */
export class IndexList {
  #items: Uint32Array = noRecords;
  #count = 0;

  /** Empties the list and makes room for `capacity` indexes. */
  clear(capacity: number): void {
    this.#count = 0;
    if (this.#items.length < capacity) this.#items = new Uint32Array(capacity);
  }

  add(index: number): void {
    this.#items[this.#count++] = index;
  }

  /** The list as a selection out of `records`, which are `total`. */
  take(records: Selection, total: number): Selection {
    const count = this.#count;
    const items = this.#items;
    // The room of one huge batch is not kept for the small ones after it.
    if (items.length > viewRecordsKept) this.#items = noRecords;
    if (count === 0) return noRecords;
    return count === total ? records : items.slice(0, count);
  }
}
