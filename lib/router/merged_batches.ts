/**
 * Several streams of batches as one: each stream waits until its batch is taken before it goes on, so
 * that nothing gathers here. It is over when every stream is; that one fails ends that one alone.
 */

interface Offer {
  readonly batch: Uint8Array;
  readonly taken: () => void;
}

/** The merged stream; read once. */
export class MergedBatches implements AsyncIterable<Uint8Array> {
  readonly #offers: Offer[] = [];
  #streams = 0;
  #closed = false;
  #wake: () => void = () => {};

  /** Adds a stream; resolves when it is over, rejects with what broke it. */
  async add(batches: AsyncIterable<Uint8Array>): Promise<void> {
    this.#streams++;
    try {
      for await (const batch of batches) {
        if (this.#closed) return;
        await new Promise<void>((taken) => {
          this.#offers.push({ batch, taken });
          this.#wake();
        });
      }
    } finally {
      this.#streams--;
      this.#wake();
    }
  }

  /** Nobody reads it any more. */
  close(): void {
    this.#closed = true;
    for (const { taken } of this.#offers.splice(0)) taken();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array, void, void> {
    for (;;) {
      const offer = this.#offers.shift();
      if (offer !== undefined) {
        try {
          yield offer.batch;
        } finally {
          offer.taken();
        }
      } else if (this.#streams === 0) return;
      else await new Promise<void>((resolve) => this.#wake = resolve);
    }
  }
}
