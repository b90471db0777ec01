/**
 * The calls of a server that are to hear when it stops. There may be ten thousand streams at a time, and
 * an AbortSignal walks through all its listeners for each that is added or removed.
 */

/** The calls that are open. */
export class OpenCalls {
  readonly #stops: Set<() => void> = new Set();
  #stopped = false;

  /** Whether the server has stopped. */
  get stopped(): boolean {
    return this.#stopped;
  }

  /** `stop` is called when the server stops, unless it is removed before. */
  add(stop: () => void): void {
    this.#stops.add(stop);
  }

  remove(stop: () => void): void {
    this.#stops.delete(stop);
  }

  /** Tells all of them. */
  stop(): void {
    this.#stopped = true;
    for (const stop of this.#stops) stop();
    this.#stops.clear();
  }
}
