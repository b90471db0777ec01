/**
 * Items that are asked for without waiting: who waits for the next one leaves a function and no chain of
 * promises. Of ten thousand streams that each wait for seconds such chains are what a router collects
 * all the time.
 */

/** Gives items one by one. */
export interface Polled<T> {
  /** The next item or the end; undefined: not there yet. Throws when the items end with a failure. */
  poll(): IteratorResult<T, void> | undefined;
  /** `wake` is called when `poll` may give something, in place of what was left before. */
  onReady(wake: () => void): void;
  /** No more is asked for. */
  leave(): void;
}

/** `items`, to be polled. */
export function polled<T>(items: AsyncIterable<T>): Polled<T> {
  return "poll" in items
    ? items as AsyncIterable<T> & Polled<T>
    : new PolledIterator(items[Symbol.asyncIterator]());
}

class PolledIterator<T> implements Polled<T> {
  readonly #iterator: AsyncIterator<T>;
  #pulling = false;
  #found: (() => IteratorResult<T, void>) | undefined;
  #wake = (): void => {};

  constructor(iterator: AsyncIterator<T>) {
    this.#iterator = iterator;
  }

  poll(): IteratorResult<T, void> | undefined {
    const found = this.#found;
    this.#found = undefined;
    if (found) return found();
    if (!this.#pulling) this.#pull();
    return undefined;
  }

  onReady(wake: () => void): void {
    this.#wake = wake;
  }

  leave(): void {
    // Not awaited: an iterator that waits for its next item returns only after it.
    this.#iterator.return?.()?.catch(() => {});
  }

  #pull(): void {
    this.#pulling = true;
    const come = (found: () => IteratorResult<T, void>): void => {
      this.#pulling = false;
      this.#found = found;
      this.#wake();
    };
    this.#iterator.next().then(
      (result) => come(() => result),
      (reason) =>
        come(() => {
          throw reason;
        }),
    );
  }
}
