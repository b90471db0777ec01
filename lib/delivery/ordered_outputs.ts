/**
 * What a stage made of the records of a work, given on in the order of these records, however the
 * answers came: behind a record that is to be tried again nothing overtakes it.
 */
import { grown } from "../../proto/record_ids.ts";
import type { Load, Records } from "./load.ts";

const none = new Uint32Array(0);
const nothing = { slots: none };

/** The outputs of one work. */
export class OrderedOutputs {
  /** Loads that outputs are of; each released, and gone from here, when all of it is given on. */
  readonly #loads: (Load | undefined)[] = [];
  /** By load: outputs of it that are not given on. */
  readonly #left: number[] = [];
  /** By position: one more than the number of its load, or 0, and the range in it. */
  #loadOf: Uint32Array = none;
  #starts: Uint32Array = none;
  #ends: Uint32Array = none;
  #resolved: Uint8Array = new Uint8Array(0);
  #count = 0;
  /** The first position that is not given on. */
  #next = 0;
  /** Whether the last load is the outputs of all, one for each, and none is given on. */
  #isWhole = false;

  /** Begins a work of so many records. */
  begin(count: number): void {
    this.release();
    if (count > this.#resolved.length) {
      const capacity = Math.max(64, count);
      this.#loadOf = grown(none, capacity);
      this.#starts = grown(none, capacity);
      this.#ends = grown(none, capacity);
      this.#resolved = new Uint8Array(capacity);
    }
    this.#resolved.fill(0, 0, count);
    this.#count = count;
    this.#next = 0;
  }

  /** Adds a load, which the caller gives up to this. */
  addLoad(load: Load): void {
    this.#loads.push(load);
    this.#left.push(0);
  }

  /** The record in a position has become these records of the load added last. */
  made(position: number, start: number, end: number): void {
    this.#loadOf[position] = this.#loads.length;
    this.#starts[position] = start;
    this.#ends[position] = end;
    this.#resolved[position] = 1;
    this.#left[this.#left.length - 1]! += end - start;
  }

  /** Each record of the work has become the one in its place in the load added last. */
  madeAll(): void {
    this.#isWhole = true;
  }

  /** Nothing came of the record in a position, and nothing will. */
  ended(position: number): void {
    this.#loadOf[position] = 0;
    this.#starts[position] = this.#ends[position] = 0;
    this.#resolved[position] = 1;
  }

  /** Gives on what is next in order. */
  drain(each: (load: Load, records: Records) => void): void {
    if (this.#isWhole) {
      this.#isWhole = false;
      this.#next = this.#count;
      each(this.#loads[this.#loads.length - 1]!, "all");
    }
    while (this.#next < this.#count && this.#resolved[this.#next] === 1) {
      if (this.#starts[this.#next] === this.#ends[this.#next]) this.#next++;
      else this.#giveRun(each);
    }
    if (this.#next === this.#count) this.release();
  }

  /** Gives all up: tells the slot of each record that was not given on. */
  giveUp(each: (slot: number) => void): void {
    if (this.#isWhole) {
      for (const slot of this.#loads[this.#loads.length - 1]!.slots) each(slot);
      this.#next = this.#count;
    }
    for (let position = this.#next; position < this.#count; position++) {
      if (this.#resolved[position] === 0) continue;
      const { slots } = this.#loads[this.#loadOf[position]! - 1] ?? nothing;
      const end = this.#ends[position]!;
      for (let i = this.#starts[position]!; i < end; i++) each(slots[i]!);
    }
    this.release();
  }

  /** Lets go of all loads. */
  release(): void {
    for (const load of this.#loads) load?.release();
    this.#loads.length = this.#left.length = 0;
    this.#count = this.#next = 0;
    this.#isWhole = false;
  }

  /** Gives on the outputs of one load that follow one another. */
  #giveRun(each: (load: Load, records: Records) => void): void {
    const first = this.#next;
    const number = this.#loadOf[first]!;
    const start = this.#starts[first]!;
    let end = start;
    let records = 0;
    let inOrder = true;
    let position = first;
    for (; position < this.#count; position++) {
      if (this.#resolved[position] === 0) break;
      if (this.#starts[position] === this.#ends[position]) continue;
      if (this.#loadOf[position] !== number) break;
      inOrder &&= this.#starts[position] === end;
      end = this.#ends[position]!;
      records += end - this.#starts[position]!;
    }
    this.#next = position;
    const load = this.#loads[number - 1]!;
    const isAll = inOrder && records === load.view.count;
    const left = this.#left[number - 1]! -= records;
    if (left === 0) this.#loads[number - 1] = undefined;
    each(load, isAll ? "all" : this.#indexes(first, position, records));
    if (left === 0) load.release();
  }

  #indexes(first: number, last: number, records: number): Uint32Array {
    const indexes = new Uint32Array(records);
    let n = 0;
    for (let position = first; position < last; position++) {
      const end = this.#ends[position]!;
      for (let i = this.#starts[position]!; i < end; i++) indexes[n++] = i;
    }
    return indexes;
  }
}
