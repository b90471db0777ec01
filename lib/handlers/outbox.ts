/**
 * Messages on their way to the caller of a stream, in order. Putting one never waits: whoever puts them
 * looks at how many bytes the caller has not taken.
 */
export class Outbox {
  readonly #onTaken: () => void;
  #messages: Uint8Array[] = [];
  #bytes = 0;
  #over = false;
  #error: unknown;
  #wake: (() => void) | undefined;

  /** `onTaken` is told each time that the caller has taken a message. */
  constructor(onTaken: () => void = () => {}) {
    this.#onTaken = onTaken;
  }

  /** Bytes of the messages that the caller has not taken. */
  get bytes(): number {
    return this.#bytes;
  }

  put(message: Uint8Array): void {
    if (this.#over) return;
    this.#messages.push(message);
    this.#bytes += message.length;
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
      for (const message of messages) {
        yield message;
        this.#bytes -= message.length;
        this.#onTaken();
      }
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
