/**
 * The writes of one commit, counted as Deno KV counts them: it refuses a commit that is too large,
 * so whoever fills a batch asks before each write whether it still fits.
 */
import {
  kvCommitBytesMax,
  kvCommitMutationsMax,
  kvKeyBytes,
} from "../limits.ts";

/** One write; without a value the key is deleted. */
export interface KvWrite {
  readonly key: Deno.KvKey;
  readonly value: Uint8Array | undefined;
}

/** Writes for one commit. */
export class KvBatch {
  readonly #writes: KvWrite[] = [];
  #bytes = 0;

  get writes(): readonly KvWrite[] {
    return this.#writes;
  }

  get empty(): boolean {
    return this.#writes.length === 0;
  }

  /** Whether `writes` more, with values of `bytes` in all, leave room for the state's own write. */
  fits(writes: number, bytes: number): boolean {
    return this.#writes.length + writes < kvCommitMutationsMax &&
      this.#bytes + bytes + (writes + 1) * kvKeyBytes < kvCommitBytesMax;
  }

  set(key: Deno.KvKey, value: Uint8Array): void {
    this.#writes.push({ key, value });
    this.#bytes += kvKeyBytes + value.length;
  }

  delete(key: Deno.KvKey): void {
    this.#writes.push({ key, value: undefined });
    this.#bytes += kvKeyBytes;
  }
}
