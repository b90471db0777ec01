/** Messages on their way to the caller of a stream, in order. Putting one never waits. */
export class Outbox {
  #messages: Uint8Array[] = [];
  #over = false;
  #error: unknown;
  #wake: (() => void) | undefined;

  put(message: Uint8Array): void {
    if (this.#over) return;
    this.#messages.push(message);
    this.#wake?.();
  }

  /** Nothing follows; with an error, that is how it ends. */
  end(error?: unknown): void {
    if (this.#over) return;
    this.#over = true;
    this.#error = error;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const messages = this.#messages;
      this.#messages = [];
      yield* messages;
      if (this.#messages.length > 0) continue;
      if (this.#over) {
        if (this.#error !== undefined) throw this.#error;
        return;
      }
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
  }
}
