/**
 * Linearizable reads, gathered: one question to the quorum serves every read that was asked before
 * it left. A read that comes while a question is under way waits for the next, because the answer
 * to an earlier question may be older than the read. A question that got lost is asked again.
 */
import type { ReadState } from "../raft/types.ts";

/** One read that waits. */
export interface Reader {
  readonly resolve: (index: number) => void;
  readonly reject: (reason: Error) => void;
}

interface Round {
  readonly context: Uint8Array;
  readonly readers: readonly Reader[];
  age: number;
}

/** The reads of one node. */
export class Reads {
  readonly #incarnation: number;
  readonly #retryTicks: number;
  #waiting: Reader[] = [];
  #asked: Round | undefined;
  /** Confirmed, and waiting for their index to be applied; indexes ascending. */
  #confirmed: {
    readonly index: number;
    readonly readers: readonly Reader[];
  }[] = [];
  #number = 0;

  /** An answer to a question of an earlier run of the node must not count: `incarnation` tells. */
  constructor(incarnation: number, retryTicks: number) {
    this.#incarnation = incarnation;
    this.#retryTicks = retryTicks;
  }

  /** Reads that wait, asked or not. */
  get size(): number {
    return this.#waiting.length + (this.#asked?.readers.length ?? 0);
  }

  add(reader: Reader): void {
    this.#waiting.push(reader);
  }

  /** The context of the question to ask now; undefined when there is none. */
  question(): Uint8Array | undefined {
    if (this.#asked !== undefined || this.#waiting.length === 0) {
      return undefined;
    }
    this.#asked = {
      context: this.#nextContext(),
      readers: this.#waiting,
      age: 0,
    };
    this.#waiting = [];
    return this.#asked.context;
  }

  /** Counts a tick; a question without an answer for too long is asked anew. */
  tick(): void {
    if (this.#asked !== undefined && ++this.#asked.age >= this.#retryTicks) {
      this.askAgain();
    }
  }

  /** Takes the question back: it goes out anew, with all that wait by then. */
  askAgain(): void {
    if (this.#asked === undefined) return;
    this.#waiting = [...this.#asked.readers, ...this.#waiting];
    this.#asked = undefined;
  }

  /** Notes an answer; one to a question that was taken back is too old to count. */
  confirmed({ index, context }: ReadState): void {
    const asked = this.#asked;
    if (asked === undefined || !equal(context, asked.context)) return;
    this.#asked = undefined;
    this.#confirmed.push({ index, readers: asked.readers });
  }

  /** Lets the reads run that see no more than what is applied. */
  applied(index: number): void {
    while (
      this.#confirmed[0] !== undefined && this.#confirmed[0].index <= index
    ) {
      for (const reader of this.#confirmed.shift()!.readers) {
        reader.resolve(index);
      }
    }
  }

  /** Refuses what was not confirmed. */
  rejectUnconfirmed(reason: Error): void {
    this.askAgain();
    for (const reader of this.#waiting) reader.reject(reason);
    this.#waiting = [];
  }

  /** Refuses all. */
  rejectAll(reason: Error): void {
    this.rejectUnconfirmed(reason);
    for (const { readers } of this.#confirmed) {
      for (const reader of readers) reader.reject(reason);
    }
    this.#confirmed = [];
  }

  #nextContext(): Uint8Array {
    const view = new DataView(new ArrayBuffer(12));
    view.setUint32(0, this.#incarnation);
    view.setFloat64(4, ++this.#number);
    return new Uint8Array(view.buffer);
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}
