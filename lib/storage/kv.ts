/**
 * The part of Deno KV that a store uses. A `Deno.Kv` is one; so is whatever a simulation puts in its
 * place, which is why nothing in a store waits for anything but these calls and the scheduler it is given.
 */

/** A key and what is stored under it; both null when there is nothing. */
export interface KvEntry {
  readonly key: Deno.KvKey;
  readonly value: unknown;
  readonly versionstamp: string | null;
}

/** Writes that become durable together, or not at all when a check does not hold. */
export interface KvAtomic {
  check(check: { key: Deno.KvKey; versionstamp: string | null }): KvAtomic;
  set(key: Deno.KvKey, value: unknown): KvAtomic;
  delete(key: Deno.KvKey): KvAtomic;
  commit(): Promise<
    | { readonly ok: true; readonly versionstamp: string }
    | { readonly ok: false }
  >;
}

/** A database of keys in order. */
export interface Kv {
  get(key: Deno.KvKey): Promise<KvEntry>;
  /** All under `prefix` in the order of their keys, `prefix` itself left out. */
  list(
    selector: { prefix: Deno.KvKey },
    options?: { batchSize?: number },
  ): AsyncIterable<KvEntry>;
  atomic(): KvAtomic;
  close(): void;
}
