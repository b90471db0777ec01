/**
 * The one way of dead letters to the disk. What is asked for while a commit is under way goes into
 * the next ones together; values are made as they are needed, so that the event loop gets its turn
 * after each commit. A commit that fails says nothing of what is on the disk: whoever asked for it is
 * told so, and may ask again, since each write only ever sets its keys to the same values.
 */
import { KvBatch, type KvWrite } from "./kv_batch.ts";
import type { Kv } from "./kv.ts";
import { writeFailed } from "./write_failed.ts";

interface Job {
  readonly writes: Iterator<KvWrite, void, void>;
  /** Made, and not yet in a commit. */
  next: KvWrite | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Commits to one KV, in turn. */
export class LetterWriter {
  readonly #kv: Kv;
  #jobs: Job[] = [];
  #running: Promise<void> | undefined;

  constructor(kv: Kv) {
    this.#kv = kv;
  }

  /** Makes the writes, in their order; resolves when all are durable. */
  write(writes: Iterable<KvWrite>): Promise<void> {
    return new Promise((resolve, reject) => {
      const iterator = writes[Symbol.iterator]() as Job["writes"];
      this.#jobs.push({ writes: iterator, next: undefined, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when nothing waits. */
  async idle(): Promise<void> {
    await this.#running;
  }

  async #run(): Promise<void> {
    // What else is asked for in this turn goes along.
    await Promise.resolve();
    while (this.#jobs.length > 0) await this.#commit();
    this.#running = undefined;
  }

  async #commit(): Promise<void> {
    const batch = new KvBatch();
    let begun = 0;
    let ended = 0;
    try {
      for (const job of this.#jobs) {
        begun++;
        if (!fill(batch, job)) break;
        ended++;
      }
      await commit(this.#kv, batch);
    } catch (error) {
      for (const { reject } of this.#jobs.splice(0, begun)) reject(error);
      return;
    }
    for (const { resolve } of this.#jobs.splice(0, ended)) resolve();
  }
}

/** Puts writes of the job into the batch; whether that were all. */
function fill(batch: KvBatch, job: Job): boolean {
  for (;;) {
    if (job.next === undefined) {
      const { done, value } = job.writes.next();
      if (done) return true;
      job.next = value;
    }
    const { key, value } = job.next;
    if (!batch.fits(1, value?.length ?? 0)) return false;
    if (value === undefined) batch.delete(key);
    else batch.set(key, value);
    job.next = undefined;
  }
}

async function commit(kv: Kv, { writes }: KvBatch): Promise<void> {
  let atomic = kv.atomic();
  for (const { key, value } of writes) {
    atomic = value === undefined ? atomic.delete(key) : atomic.set(key, value);
  }
  try {
    await atomic.commit();
  } catch (error) {
    throw writeFailed("the dead letters", error);
  }
}
