/**
 * Letters that are being kept for other processes. Whoever hears no answer asks again while the first
 * call is still at it: the second one waits, and then finds what is kept already.
 */

/** The calls under way of one node. */
export class KeptOnce {
  readonly #keeping: Map<string, Promise<void>> = new Map();

  /** Does `keep` for letters with these ids once no other call has any of them in hand. */
  async run(ids: readonly string[], keep: () => Promise<void>): Promise<void> {
    for (;;) {
      const others = ids.flatMap((id) => this.#keeping.get(id) ?? []);
      if (others.length === 0) break;
      await Promise.allSettled(others);
    }
    const kept = keep();
    for (const id of ids) this.#keeping.set(id, kept);
    try {
      await kept;
    } finally {
      for (const id of ids) this.#keeping.delete(id);
    }
  }
}
