/**
 * The records that a lane works on at a time, as columns: which record of which load each is, how
 * often it was tried, what became of it. A position is a record's place in the work; requests are
 * made for some positions, and what remains of them is tried again.
 */
import { grown, type RecordIds } from "../../proto/record_ids.ts";
import type { RecordJoin } from "../../proto/record_join.ts";
import { workRecordsKept } from "../limits.ts";
import type { Load, Records } from "./load.ts";

/** Where a position stands. */
export enum Standing {
  /** Not answered. */
  Open = 0,
  /** The stage is done with it. */
  Done = 1,
  /** It failed; another attempt may go well. */
  Failed = 2,
  /** It failed for good. */
  Hopeless = 3,
}

/** Why a record failed. */
export interface Failure {
  /** Name of a gRPC status code, as DeadLetter.error_code has it. */
  readonly code: string;
  readonly message: string;
}

const none = new Uint32Array(0);

/** The records of one lane. */
export class Work {
  count = 0;
  /** The loads that the records are of. */
  readonly loads: Load[] = [];
  loadOf: Uint32Array = none;
  indexes: Uint32Array = none;
  slots: Uint32Array = none;
  attempts: Uint16Array = new Uint16Array(0);
  standings: Uint8Array = new Uint8Array(0);
  /** Why those failed that did, by position. */
  readonly failures: Map<number, Failure> = new Map();
  /** Positions that failed while others of the same call went well: the record is at fault. */
  readonly blamed: Set<number> = new Set();
  /** When the first attempt of a record failed, by position, in ms since the epoch. */
  readonly firstFailureMs: Map<number, number> = new Map();

  /** Adds those of `records`, which are of the load that was added last, from one place to before another. */
  addRange(records: Records, from: number, to: number): void {
    const first = this.count;
    const count = first + to - from;
    if (count > this.slots.length) this.#grow(count);
    const number = this.loads.length - 1;
    const { slots: slotsOf } = this.loads[number]!;
    const { indexes, slots } = this;
    this.loadOf.fill(number, first, count);
    this.attempts.fill(0, first, count);
    this.standings.fill(Standing.Open, first, count);
    for (let position = first, n = from; n < to; position++, n++) {
      const index = records === "all" ? n : records[n]!;
      indexes[position] = index;
      slots[position] = slotsOf[index]!;
    }
    this.count = count;
  }

  /** Adds a load; the work holds it until it is cleared. */
  addLoad(load: Load): void {
    if (this.loads[this.loads.length - 1] === load) return;
    load.hold();
    this.loads.push(load);
  }

  /** The lineage of all records, if it is the same. */
  get sharedLineage(): number | undefined {
    const first = this.loads[0]?.lineage;
    if (typeof first !== "number") return undefined;
    return this.loads.every(({ lineage }) => lineage === first)
      ? first
      : undefined;
  }

  /** The load of a position. */
  load(position: number): Load {
    return this.loads[this.loadOf[position]!]!;
  }

  /** The ids among which that of a position is, at `indexes[position]`. */
  idsOf(position: number): RecordIds {
    return this.load(position).view.ids;
  }

  /** Adds the records in these positions to what is sent. */
  joinTo(join: RecordJoin, positions: Uint32Array): void {
    const { loadOf, indexes } = this;
    const count = positions.length;
    for (let n = 0; n < count;) {
      const number = loadOf[positions[n]!]!;
      const from = indexes[positions[n]!]!;
      let to = from + 1;
      // Neighbours in a load are joined together.
      for (n++; n < count; n++, to++) {
        const position = positions[n]!;
        if (loadOf[position] !== number || indexes[position] !== to) break;
      }
      join.addRange(this.loads[number]!.view, from, to);
    }
  }

  /** The records in these positions stand so. */
  setAll(positions: Uint32Array, standing: Standing): void {
    const { standings } = this;
    for (let n = 0; n < positions.length; n++) {
      standings[positions[n]!] = standing;
    }
  }

  /** The record in a position has failed. */
  fail(position: number, standing: Standing, failure: Failure): void {
    this.standings[position] = standing;
    this.failures.set(position, failure);
  }

  /** Forgets all records and lets go of their loads. */
  clear(): void {
    for (const load of this.loads) load.release();
    this.loads.length = 0;
    this.count = 0;
    this.failures.clear();
    this.blamed.clear();
    this.firstFailureMs.clear();
    if (this.slots.length <= workRecordsKept) return;
    this.loadOf = this.indexes = this.slots = none;
    this.attempts = new Uint16Array(0);
    this.standings = new Uint8Array(0);
  }

  #grow(count: number): void {
    const capacity = Math.max(64, count, this.slots.length * 2);
    this.loadOf = grown(this.loadOf, capacity);
    this.indexes = grown(this.indexes, capacity);
    this.slots = grown(this.slots, capacity);
    const attempts = new Uint16Array(capacity);
    attempts.set(this.attempts);
    this.attempts = attempts;
    const standings = new Uint8Array(capacity);
    standings.set(this.standings);
    this.standings = standings;
  }
}

let counting: Uint32Array = none;

/** The positions from 0, `count` of them. Shared, never to be changed. */
export function firstPositions(count: number): Uint32Array {
  if (counting.length < count) {
    counting = Uint32Array.from(
      { length: Math.max(count, counting.length * 2) },
      (_, position) => position,
    );
  }
  return counting.subarray(0, count);
}
