/**
 * What is known of the partitions of one source, in the least memory: a row is its partition and a
 * fixed number of 32-bit words, and rows lie in rising order in pages of typed arrays, so that a
 * million rows are 16,000 objects and not a million. A copy shares all pages, and a page is copied
 * by whoever writes to it first: each page carries the epoch of the table that may write to it.
 */
import { invariant } from "../invariant.ts";

/** Where a page keeps the number of its rows, the epoch of its owner, and its rows. */
const countAt = 0;
const epochAt = 1;
const rowsAt = 2;
const rowsMax = 128;
const rowsAtFirst = 4;

/** The table. */
export class PartitionTable {
  /** Writes belong to this epoch; a snapshot begins the next one. */
  readonly epoch: number;
  /** Words of a row, its partition included. */
  readonly #stride: number;
  readonly #pages: Uint32Array[];
  #size = 0;
  /** Where the row that was looked for is, or where it would be put. */
  #page = 0;
  #at = rowsAt;

  /** A table of rows of `words` words each. */
  constructor(words: number, epoch: number, copied?: PartitionTable) {
    this.epoch = epoch;
    this.#stride = words + 1;
    this.#pages = copied ? copied.#pages.slice() : [];
    this.#size = copied ? copied.#size : 0;
  }

  /** How many partitions have a row. */
  get size(): number {
    return this.#size;
  }

  /** A copy for writing in `epoch`; this one must not be written to again. */
  fork(epoch: number): PartitionTable {
    invariant(epoch !== this.epoch, "fork() into the same epoch");
    return new PartitionTable(this.#stride - 1, epoch, this);
  }

  /** Copies the words of a partition into `into`. False: it has none. */
  get(partition: number, into: Uint32Array): boolean {
    if (!this.#find(partition)) return false;
    this.#copyWords(this.#pages[this.#page]!, this.#at, into);
    return true;
  }

  /** Puts the words of a partition in place of those it has. */
  set(partition: number, words: Uint32Array): void {
    if (!this.#find(partition)) this.#makeRoom();
    const page = this.#writable(0);
    page[this.#at] = partition;
    for (let i = 1; i < this.#stride; i++) page[this.#at + i] = words[i - 1]!;
  }

  /** The partitions, rising; the words of each are in `into` until the next is drawn. */
  *walk(into: Uint32Array): Generator<number> {
    for (const page of this.#pages) {
      const end = rowsAt + page[countAt]! * this.#stride;
      for (let at = rowsAt; at < end; at += this.#stride) {
        this.#copyWords(page, at, into);
        yield page[at]!;
      }
    }
  }

  #copyWords(page: Uint32Array, at: number, into: Uint32Array): void {
    for (let i = 1; i < this.#stride; i++) into[i - 1] = page[at + i]!;
  }

  /** Whether the partition has a row; sets `#page` and `#at` either way. */
  #find(partition: number): boolean {
    const pages = this.#pages;
    let low = 0;
    let high = pages.length;
    // The last page that starts at or before the partition.
    while (high - low > 1) {
      const middle = (low + high) >>> 1;
      if (pages[middle]![rowsAt]! <= partition) low = middle;
      else high = middle;
    }
    this.#page = low;
    const page = pages[low];
    if (!page) return false;
    let from = 0;
    let to = page[countAt]!;
    while (from < to) {
      const middle = (from + to) >>> 1;
      if (page[rowsAt + middle * this.#stride]! < partition) from = middle + 1;
      else to = middle;
    }
    this.#at = rowsAt + from * this.#stride;
    return from < page[countAt]! && page[this.#at] === partition;
  }

  /** Opens a row at the place found. */
  #makeRoom(): void {
    this.#size++;
    if (this.#pages.length === 0) {
      this.#addPage(0, this.#newPage(rowsAtFirst));
    } else if (this.#pages[this.#page]![countAt] === rowsMax) {
      this.#split();
    }
    const page = this.#writable(1);
    const end = rowsAt + page[countAt]! * this.#stride;
    page.copyWithin(this.#at + this.#stride, this.#at, end);
    page[countAt]!++;
  }

  /** Makes two pages of a full one, or leaves it full when rows come in rising order. */
  #split(): void {
    const full = this.#pages[this.#page]!;
    const end = rowsAt + rowsMax * this.#stride;
    if (this.#at === end && this.#page === this.#pages.length - 1) {
      this.#addPage(++this.#page, this.#newPage(rowsAtFirst));
      this.#at = rowsAt;
      return;
    }
    const half = rowsMax / 2;
    const middle = rowsAt + half * this.#stride;
    const upper = this.#newPage(rowsMax);
    upper.set(full.subarray(middle, end), rowsAt);
    upper[countAt] = half;
    this.#writable(0)[countAt] = half;
    this.#addPage(this.#page + 1, upper);
    if (this.#at > middle) {
      this.#page++;
      this.#at -= middle - rowsAt;
    }
  }

  /** The page found, as this table's own, with room for `more` rows. */
  #writable(more: number): Uint32Array {
    const page = this.#pages[this.#page]!;
    const needed = rowsAt + (page[countAt]! + more) * this.#stride;
    if (page[epochAt] === this.epoch && needed <= page.length) return page;
    const rows = needed > page.length
      ? Math.min(rowsMax, page[countAt]! * 2)
      : (page.length - rowsAt) / this.#stride;
    const own = this.#newPage(rows);
    own.set(page.subarray(rowsAt), rowsAt);
    own[countAt] = page[countAt]!;
    this.#pages[this.#page] = own;
    return own;
  }

  #newPage(rows: number): Uint32Array {
    const page = new Uint32Array(rowsAt + rows * this.#stride);
    page[epochAt] = this.epoch;
    return page;
  }

  #addPage(index: number, page: Uint32Array): void {
    this.#pages.splice(index, 0, page);
  }
}
