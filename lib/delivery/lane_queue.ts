/**
 * Records that wait before a lane, first in, first out, and the decision when enough of them have
 * gathered to make a batch: as many records or bytes as one may have, or the first of them has waited
 * long enough for others.
 */
import type { Load, Records } from "./load.ts";
import type { Work } from "./work.ts";

/** What ends a batch: whichever is reached first. */
export interface BatchBounds {
  readonly recordsMax: number;
  /** With so many the wait for others ends; a batch takes more if they are there. */
  readonly recordsDue: number;
  readonly bytesMax: number;
  readonly lingerMs: number;
}

interface Piece {
  readonly load: Load;
  readonly records: Records;
  readonly sinceMs: number;
  /** How many of the records are taken. */
  taken: number;
}

/** The queue of one lane. */
export class LaneQueue {
  readonly #bounds: BatchBounds;
  /** What waits, from `#first` on. */
  #pieces: Piece[] = [];
  #first = 0;
  #count = 0;
  #bytes = 0;

  constructor(bounds: BatchBounds) {
    this.#bounds = bounds;
  }

  /** Records that wait. */
  get count(): number {
    return this.#count;
  }

  /** Their bytes. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Adds records, and holds their load for as long as one of them waits. */
  add(load: Load, records: Records, nowMs: number): void {
    const count = load.countOf(records);
    if (count === 0) return;
    load.hold();
    this.#pieces.push({ load, records, sinceMs: nowMs, taken: 0 });
    this.#count += count;
    this.#bytes += bytesOf(load, records);
  }

  /** Puts records back that were taken before all that wait. */
  putBack(load: Load, records: Uint32Array, nowMs: number): void {
    load.hold();
    const piece = { load, records, sinceMs: nowMs, taken: 0 };
    this.#pieces.splice(this.#first, 0, piece);
    this.#count += records.length;
    this.#bytes += bytesOf(load, records);
  }

  /** In how many ms a batch is due: 0 or less, it is now; Infinity, there is none. */
  dueInMs(nowMs: number): number {
    if (this.#count === 0) return Infinity;
    const { recordsDue, bytesMax, lingerMs } = this.#bounds;
    if (this.#count >= recordsDue || this.#bytes >= bytesMax) return 0;
    return this.#pieces[this.#first]!.sinceMs + lingerMs - nowMs;
  }

  /** Moves a batch of at most `recordsMax` records into `work`; one record at least. */
  take(work: Work, recordsMax: number): void {
    const { bytesMax } = this.#bounds;
    const countMax = Math.min(recordsMax, this.#bounds.recordsMax, this.#count);
    let count = 0;
    let bytes = 0;
    let full = countMax === 0;
    while (!full) {
      const piece = this.#pieces[this.#first]!;
      const { load, records, taken } = piece;
      const { starts, ends } = load.view;
      const last = load.countOf(records);
      const end = Math.min(last, taken + countMax - count);
      let to = taken;
      for (; to < end; to++) {
        const index = records === "all" ? to : records[to]!;
        const length = ends[index]! - starts[index]!;
        if (bytes + length > bytesMax && count + to > taken) break;
        bytes += length;
      }
      if (to > taken) {
        work.addLoad(load);
        work.addRange(records, taken, to);
      }
      count += to - taken;
      piece.taken = to;
      full = to < end || count === countMax;
      if (to === last) this.#shift();
    }
    this.#count -= count;
    this.#bytes -= bytes;
  }

  /** Lets go of all that waits, after telling of each piece. */
  clear(each: (load: Load, records: Uint32Array) => void): void {
    for (; this.#first < this.#pieces.length; this.#shift()) {
      const { load, records, taken } = this.#pieces[this.#first]!;
      const all = records === "all"
        ? Uint32Array.from({ length: load.view.count }, (_, i) => i)
        : records;
      each(load, all.subarray(taken));
    }
    this.#count = this.#bytes = 0;
  }

  #shift(): void {
    this.#pieces[this.#first++]!.load.release();
    if (this.#first === this.#pieces.length) {
      this.#pieces = [];
      this.#first = 0;
    } else if (this.#first >= 32 && this.#first * 2 > this.#pieces.length) {
      this.#pieces = this.#pieces.slice(this.#first);
      this.#first = 0;
    }
  }
}

function bytesOf({ view }: Load, records: Records): number {
  const { starts, ends } = view;
  let bytes = 0;
  if (records === "all") {
    for (let i = 0; i < view.count; i++) bytes += ends[i]! - starts[i]!;
  } else {
    for (let n = 0; n < records.length; n++) {
      bytes += ends[records[n]!]! - starts[records[n]!]!;
    }
  }
  return bytes;
}
