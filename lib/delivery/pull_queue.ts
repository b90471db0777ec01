/**
 * Records that wait for consumers to pull them: which are with whom, which are settled. A record is
 * with one consumer at a time; what a consumer had when it left, or gave back, goes to the next one that
 * asks. Records are numbered from 0 in the order in which they come, and are told by their number.
 */
import { grown } from "../../proto/record_ids.ts";
import type { RecordJoin, RecordRanges } from "../../proto/record_join.ts";

/** Where a record stands. */
enum Place {
  /** It waits for a consumer. */
  Waiting = 0,
  /** It is with one. */
  Sent = 1,
  /** It was given back, and waits until it may be sent again. */
  GivenBack = 2,
  Settled = 3,
}

/** How much is taken at a time. */
export interface TakeBounds {
  readonly recordsMax: number;
  readonly bytesMax: number;
}

/** Records that came together. Changed by the queue alone. */
export class QueuedBatch {
  readonly records: RecordRanges;
  /** Told when all of them are settled. */
  readonly whenSettled: () => void;
  /** The number of the first one. */
  readonly first: number;
  readonly places: Uint8Array;
  /** With whom each is, or was last; 0: nobody. */
  readonly holders: Uint32Array;
  waiting: number;
  open: number;

  constructor(records: RecordRanges, first: number, whenSettled: () => void) {
    this.records = records;
    this.first = first;
    this.whenSettled = whenSettled;
    this.waiting = this.open = records.count;
    this.places = new Uint8Array(records.count);
    this.holders = new Uint32Array(records.count);
  }
}

/** The records of one stage. */
export class PullQueue {
  /** In order of their numbers; a few, one for each lane of the stage. */
  #batches: QueuedBatch[] = [];
  #next = 0;
  /** How many records are with each consumer, by its number. */
  #held: Uint32Array = new Uint32Array(8);

  /** The number that the next record will have. */
  get next(): number {
    return this.#next;
  }

  /** Records that are not settled. */
  get open(): number {
    let open = 0;
    for (const batch of this.#batches) open += batch.open;
    return open;
  }

  /** Records that wait for a consumer. */
  get waiting(): number {
    let waiting = 0;
    for (const batch of this.#batches) waiting += batch.waiting;
    return waiting;
  }

  /** Records that a consumer has. */
  heldBy(consumer: number): number {
    return this.#held[consumer] ?? 0;
  }

  /** Adds records, which have the numbers from `next` on. */
  add(records: RecordRanges, whenSettled: () => void): QueuedBatch {
    const batch = new QueuedBatch(records, this.#next, whenSettled);
    this.#next += records.count;
    this.#batches.push(batch);
    return batch;
  }

  /** Takes a batch out: nobody waits for it any more. */
  remove(batch: QueuedBatch): void {
    for (let i = 0; i < batch.records.count; i++) {
      if (batch.places[i] === Place.Sent) this.#release(batch.holders[i]!);
    }
    this.#batches = this.#batches.filter((each) => each !== batch);
  }

  /**
   * Gives a consumer, a number from 1, the records that have waited longest, and joins them to what it
   * is sent; returns how many, at least one where any waits.
   */
  take(consumer: number, bounds: TakeBounds, join: RecordJoin): number {
    let count = 0;
    let bytes = 0;
    for (const batch of this.#batches) {
      if (batch.waiting === 0) continue;
      const { places, holders, records } = batch;
      for (let i = 0; i < places.length && batch.waiting > 0; i++) {
        if (places[i] !== Place.Waiting) continue;
        bytes += records.ends[i]! - records.starts[i]!;
        const full = count >= bounds.recordsMax ||
          count > 0 && bytes > bounds.bytesMax;
        if (full) return this.#took(consumer, count);
        places[i] = Place.Sent;
        holders[i] = consumer;
        batch.waiting--;
        join.add(records, i);
        count++;
      }
    }
    return this.#took(consumer, count);
  }

  /** A consumer is done with a record; whether it was sent and not settled. */
  settle(number: number): boolean {
    const batch = this.#batchOf(number);
    if (batch === undefined) return false;
    const i = number - batch.first;
    const place = batch.places[i]!;
    // One that is to be sent again may be settled by a word that comes late.
    if (place === Place.Settled || batch.holders[i] === 0) return false;
    if (place === Place.Sent) this.#release(batch.holders[i]!);
    if (place === Place.Waiting) batch.waiting--;
    batch.places[i] = Place.Settled;
    if (--batch.open > 0) return true;
    this.#batches = this.#batches.filter((each) => each !== batch);
    batch.whenSettled();
    return true;
  }

  /** A consumer did not take a record: it waits for `sendAgain`. Whether it was with one. */
  giveBack(number: number): boolean {
    const batch = this.#batchOf(number);
    const i = number - (batch?.first ?? 0);
    if (batch?.places[i] !== Place.Sent) return false;
    batch.places[i] = Place.GivenBack;
    this.#release(batch.holders[i]!);
    return true;
  }

  /** What was given back waits for a consumer like the rest. */
  sendAgain(): void {
    this.#replace((place) => place === Place.GivenBack);
  }

  /** A consumer has left: what it had waits for the next one. */
  leave(consumer: number): void {
    this.#replace((place, holder) =>
      place === Place.Sent && holder === consumer
    );
    if (consumer < this.#held.length) this.#held[consumer] = 0;
  }

  #replace(isMeant: (place: number, holder: number) => boolean): void {
    for (const batch of this.#batches) {
      const { places, holders } = batch;
      for (let i = 0; i < places.length; i++) {
        if (!isMeant(places[i]!, holders[i]!)) continue;
        places[i] = Place.Waiting;
        batch.waiting++;
      }
    }
  }

  #took(consumer: number, count: number): number {
    while (consumer >= this.#held.length) {
      this.#held = grown(this.#held, this.#held.length * 2);
    }
    this.#held[consumer]! += count;
    return count;
  }

  #release(consumer: number): void {
    this.#held[consumer]!--;
  }

  #batchOf(number: number): QueuedBatch | undefined {
    return this.#batches.find(({ first, records }) =>
      number >= first && number < first + records.count
    );
  }
}
