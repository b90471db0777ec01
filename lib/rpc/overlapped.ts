/**
 * Work on the items of a stream, a bounded number at a time, answered in the order of the items. An
 * item is taken from the stream only when there is room for it, and there is room again once an
 * answer has been taken: who does not read answers is not read from. What was taken is answered
 * before a failure of the stream is told.
 */

import { invariant } from "../invariant.ts";
import { type Polled, polled } from "./polled.ts";

/** Gives the answer of an item that was begun, when it is that item's turn. */
export type Answer<R> = () => R | Promise<R>;

/**
 * Begins every item, so that at most `concurrency` are unanswered, and yields the answers in order.
 * `begin` starts the work; what it returns is called once all earlier items are answered,
 * and is left out for an item that wants no answer.
 */
export function overlapped<T, R>(
  items: AsyncIterable<T>,
  concurrency: number,
  begin: (item: T) => Answer<R> | undefined,
): AsyncIterableIterator<R, void, void> {
  return new Overlapped(polled(items), concurrency, begin);
}

const over = { done: true, value: undefined } as const;

class Overlapped<T, R> implements AsyncIterableIterator<R, void, void> {
  readonly #items: Polled<T>;
  readonly #concurrency: number;
  readonly #begin: (item: T) => Answer<R> | undefined;
  readonly #begun: Answer<R>[] = [];
  /** Whoever waits for the next answer. */
  #asked: PromiseWithResolvers<IteratorResult<R, void>> | undefined;
  /** Whether the first of those that were begun is being waited for. */
  #answering = false;
  #ended = false;
  #failed: { readonly reason: unknown } | undefined;
  readonly #onReady = (): void => {
    this.#read();
    this.#answer();
  };

  constructor(
    items: Polled<T>,
    concurrency: number,
    begin: (item: T) => Answer<R> | undefined,
  ) {
    this.#items = items;
    this.#concurrency = concurrency;
    this.#begin = begin;
  }

  next(): Promise<IteratorResult<R, void>> {
    invariant(this.#asked === undefined, "answers are asked for one by one");
    const asked = Promise.withResolvers<IteratorResult<R, void>>();
    this.#asked = asked;
    this.#onReady();
    return asked.promise;
  }

  return(): Promise<IteratorResult<R, void>> {
    this.#leave();
    this.#asked?.resolve(over);
    this.#asked = undefined;
    return Promise.resolve(over);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  /** Begins what is there, as far as there is room. */
  #read(): void {
    try {
      while (!this.#ended && this.#begun.length < this.#concurrency) {
        const found = this.#items.poll();
        if (found === undefined) return this.#items.onReady(this.#onReady);
        if (found.done) {
          this.#ended = true;
          return;
        }
        const answer = this.#begin(found.value);
        if (answer) this.#begun.push(answer);
      }
    } catch (reason) {
      this.#failed = { reason };
      this.#ended = true;
      this.#items.leave();
    }
  }

  /** Gives the answer of what was begun first, to whoever asks. */
  #answer(): void {
    if (this.#asked === undefined || this.#answering) return;
    const first = this.#begun[0];
    if (first) return this.#give(first);
    if (!this.#ended) return;
    if (this.#failed) this.#fail(this.#failed.reason);
    else this.#asked.resolve(over);
    this.#asked = undefined;
  }

  #give(first: Answer<R>): void {
    try {
      const given = first();
      if (!(given instanceof Promise)) return this.#given(given);
      this.#answering = true;
      given.then(
        (value) => this.#given(value),
        (reason) => this.#fail(reason),
      );
    } catch (reason) {
      this.#fail(reason);
    }
  }

  #given(value: R): void {
    const asked = this.#asked;
    this.#asked = undefined;
    this.#answering = false;
    this.#begun.shift();
    asked?.resolve({ done: false, value });
    // There is room for another one, whether the answer is taken up or not.
    this.#read();
  }

  #fail(reason: unknown): void {
    this.#asked?.reject(reason);
    this.#asked = undefined;
    this.#answering = false;
    this.#leave();
  }

  /** Takes nothing more and answers nothing more. */
  #leave(): void {
    this.#ended = true;
    this.#failed = undefined;
    this.#begun.length = 0;
    this.#items.leave();
  }
}
