/** Records that calls to services are about, so that a service that leaves can wait for the last. */
import { within } from "../consensus/within.ts";

/** The counts of one node. */
export class UnderWay {
  readonly #records: Map<string, number> = new Map();
  readonly #waiting: Map<string, (() => void)[]> = new Map();

  /** A call to the instance begins. */
  start(id: string, records: number): void {
    this.#records.set(id, this.of(id) + records);
  }

  /** It has ended. */
  end(id: string, records: number): void {
    const left = this.of(id) - records;
    if (left > 0) {
      this.#records.set(id, left);
      return;
    }
    this.#records.delete(id);
    const waiting = this.#waiting.get(id) ?? [];
    this.#waiting.delete(id);
    for (const resolve of waiting) resolve();
  }

  /** Records under way to an instance. */
  of(id: string): number {
    return this.#records.get(id) ?? 0;
  }

  /** Resolves when nothing is under way to it. */
  async none(id: string, signal: AbortSignal): Promise<void> {
    while (this.of(id) > 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#waiting.set(id, [...this.#waiting.get(id) ?? [], resolve]);
      await within(promise, signal);
    }
  }
}
