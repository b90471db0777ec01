/**
 * Linearizable reads without a log entry: the leader notes its commit index, has a round of
 * heartbeats confirm that it still leads, and lets the read run once that index is applied. Each
 * read gets a number of its own, and a heartbeat carries the newest: its answer confirms all reads
 * up to it and none that came later, whatever contexts their callers chose.
 */
import type { Message } from "./types.ts";
import { noBytes } from "./message.ts";

/** A read that may run: it was asked by `from` and sees everything up to `index`. */
export interface ConfirmedRead {
  readonly from: number;
  readonly context: Uint8Array;
  readonly index: number;
}

interface PendingRead extends ConfirmedRead {
  readonly number: number;
}

const stampBytes = 8;

/** The reads of one leadership that wait for their confirmation. */
export class ReadIndex {
  readonly #max: number;
  /** Before the term's own first commit the leader does not know its commit index. */
  #postponed: Omit<ConfirmedRead, "index">[] = [];
  #pending: PendingRead[] = [];
  readonly #answered = new Map<number, number>();
  #number = 0;

  constructor(max: number) {
    this.#max = max;
  }

  get full(): boolean {
    return this.#postponed.length + this.#pending.length >= this.#max;
  }

  /** Whether a heartbeat can confirm something. */
  get waiting(): boolean {
    return this.#pending.length > 0;
  }

  /** Keeps a read until the leader knows its commit index. */
  postpone(request: Message): void {
    this.#postponed.push(own(request));
  }

  /** Starts the reads that were postponed; false when there were none. */
  startPostponed(index: number): boolean {
    const started = this.#postponed;
    this.#postponed = [];
    for (const read of started) this.#start({ ...read, index });
    return started.length > 0;
  }

  /** Starts a read that may see everything up to `index`. */
  start(request: Message, index: number): void {
    this.#start({ ...own(request), index });
  }

  /** What the next heartbeat carries: the number of the newest read, or nothing. */
  stamp(): Uint8Array {
    if (!this.waiting) return noBytes;
    const bytes = new Uint8Array(stampBytes);
    new DataView(bytes.buffer).setFloat64(0, this.#number);
    return bytes;
  }

  /** Notes the answer of `id` to a heartbeat that carried `stamp`. */
  answer(id: number, stamp: Uint8Array): void {
    if (stamp.length !== stampBytes) return;
    const view = new DataView(stamp.buffer, stamp.byteOffset, stampBytes);
    const number = view.getFloat64(0);
    if (number > this.answeredBy(id)) this.#answered.set(id, number);
  }

  /** The newest read that `id` has confirmed. */
  answeredBy(id: number): number {
    return this.#answered.get(id) ?? 0;
  }

  /** Takes the reads up to `number`, which a quorum has confirmed, oldest first. */
  take(number: number): readonly ConfirmedRead[] {
    const open = this.#pending.findIndex((read) => read.number > number);
    return this.#pending.splice(0, open < 0 ? this.#pending.length : open);
  }

  #start(read: ConfirmedRead): void {
    const { from, context, index } = read;
    this.#number++;
    this.#pending.push({ from, context, index, number: this.#number });
  }
}

function own({ from, context }: Message): Omit<ConfirmedRead, "index"> {
  return { from, context: context.slice() };
}
