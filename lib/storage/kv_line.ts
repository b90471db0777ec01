/**
 * The one way to the disk. Commits go one at a time, each with a check that nobody else has written
 * to the state since this store did: a second process on the file makes the next commit fail, and
 * this one stops. After a failed commit nothing is written any more, because nobody knows what of
 * it is on the disk.
 *
 * Work is urgent (what the consensus waits for) or slow (snapshots, deletes). With both there they
 * take turns, so that a large snapshot delays an append by one small commit, and appends without a
 * pause do not starve a snapshot.
 */
import type { Kv } from "./kv.ts";
import type { KvBatch } from "./kv_batch.ts";
import { StorageError } from "./storage_error.ts";
import { writeFailed } from "./write_failed.ts";
import { checkOpen } from "./store_refusals.ts";

type Task = () => Promise<void>;

/** Commits to one KV, in turn. */
export class KvLine {
  readonly #kv: Kv;
  readonly #fence: Deno.KvKey;
  #stamp: string | null;
  readonly #urgent: Task[] = [];
  readonly #slow: Task[] = [];
  #running: Promise<void> | undefined;
  #failure: StorageError | undefined;
  #closed = false;

  /** `stamp` is the versionstamp of `fence`, the key whose every change is made here. */
  constructor(kv: Kv, fence: Deno.KvKey, stamp: string | null) {
    this.#kv = kv;
    this.#fence = fence;
    this.#stamp = stamp;
  }

  /** Runs `work`, which may commit, when it is its turn; rejects at once when nothing may be written. */
  run<T>(kind: "urgent" | "slow", work: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.#closed) checkOpen(true);
      const task = async (): Promise<void> => {
        try {
          if (this.#failure) throw this.#failure;
          resolve(await work());
        } catch (error) {
          reject(error);
        }
      };
      (kind === "urgent" ? this.#urgent : this.#slow).push(task);
      this.#running ??= this.#pump();
    });
  }

  /** Makes the writes durable. Only for the work that has its turn. */
  async commit({ writes }: KvBatch): Promise<void> {
    let atomic = this.#kv.atomic().check({
      key: this.#fence,
      versionstamp: this.#stamp,
    });
    let fenced = false;
    for (const { key, value } of writes) {
      atomic = value === undefined
        ? atomic.delete(key)
        : atomic.set(key, value);
      fenced ||= key === this.#fence;
    }
    try {
      const result = await atomic.commit();
      if (!result.ok) throw fencedOff();
      if (fenced) this.#stamp = result.versionstamp;
    } catch (error) {
      throw this.#failure = error instanceof StorageError
        ? error
        : writeFailed("the store", error);
    }
  }

  /** Resolves when nothing waits for its turn, if only for a moment. */
  async idle(): Promise<void> {
    await this.#running;
  }

  /** Takes no more work; resolves when what was taken is done. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #pump(): Promise<void> {
    let slowNext = false;
    for (;;) {
      const task = (slowNext ? this.#slow.shift() : this.#urgent.shift()) ??
        this.#urgent.shift() ?? this.#slow.shift();
      if (task === undefined) break;
      slowNext = !slowNext;
      await task();
    }
    this.#running = undefined;
  }
}

function fencedOff(): StorageError {
  return new StorageError(
    "fenced",
    "Cannot write to the store: another process wrote to it; this one stops",
  );
}
