/**
 * Flushes of a sink. One that is waited for first lets the writes end that were under way when it
 * was asked for, since those are pending too; one that is not waited for only begins. Of these at
 * most one runs and one follows it, however many are asked for.
 */

/** The writes of one sink that are under way, and its flushes. */
export class SinkFlush {
  readonly #flush: () => Promise<bigint>;
  readonly #report: (error: unknown) => void;
  readonly #writing = new Set<Promise<unknown>>();
  #running = false;
  #again = false;

  /** `flush` makes durable what the sink holds; `report` is told why one that nobody waits for failed. */
  constructor(
    flush: () => Promise<bigint>,
    report: (error: unknown) => void,
  ) {
    this.#flush = flush;
    this.#report = report;
  }

  /** Counts `write` among the pending ones until it settles. */
  async during<T>(write: Promise<T>): Promise<T> {
    this.#writing.add(write);
    try {
      return await write;
    } finally {
      this.#writing.delete(write);
    }
  }

  /** Resolves with the number of records made durable, once everything pending is. */
  async complete(): Promise<bigint> {
    await Promise.allSettled(this.#writing);
    return await this.#flush();
  }

  /** Begins a flush. */
  begin(): void {
    this.#again = true;
    if (!this.#running) this.#run();
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#again) {
      this.#again = false;
      try {
        await this.#flush();
      } catch (error) {
        this.#report(error);
      }
    }
    this.#running = false;
  }
}
