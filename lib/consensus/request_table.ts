/**
 * The requests that were applied lately, with what they were answered: a request that comes again,
 * because its answer was lost on the way, is answered the same and changes nothing. The table is
 * part of the replicated state, so what it forgets, every node forgets at the same entry.
 */
import { requestsKeptBytesMax, requestsKeptMax } from "../limits.ts";

/** Answers by request, oldest first. */
export class RequestTable {
  readonly #answers = new Map<string, Uint8Array>();
  /**
   * Goes from the oldest on and is never begun anew: a new iterator would first cross the gaps that
   * all those forgotten have left in the map, tens of thousands at every request.
   */
  readonly #oldest = this.#answers.entries();
  #bytes = 0;

  /** How many requests are known. */
  get size(): number {
    return this.#answers.size;
  }

  /** What the request was answered; undefined when it was not applied, or long ago. */
  get(key: string): Uint8Array | undefined {
    return this.#answers.get(key);
  }

  /** Notes the answer, and forgets the oldest beyond the bounds. */
  set(key: string, answer: Uint8Array): void {
    this.#answers.set(key, answer);
    this.#bytes += answer.length;
    while (
      this.#answers.size > requestsKeptMax || this.#bytes > requestsKeptBytesMax
    ) {
      const [oldest, forgotten] = this.#oldest.next().value!;
      this.#answers.delete(oldest);
      this.#bytes -= forgotten.length;
    }
  }

  /** Requests and answers, oldest first, as they are now. */
  entries(): readonly (readonly [string, Uint8Array])[] {
    return [...this.#answers];
  }
}
