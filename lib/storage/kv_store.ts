/**
 * The store over one Deno KV: every commit is checked against other writers, whatever waits goes to
 * the disk in one commit, and snapshots are written in small steps beside. It knows nothing of files
 * and clocks (open_kv_store.ts does), so that a simulation can run it over a KV of its own.
 */
import { Code, ConveyorError } from "../errors.ts";
import { invariant } from "../invariant.ts";
import type { Snapshot, StorageView } from "../raft/types.ts";
import type { Scheduler } from "../scheduler.ts";
import type { Kv } from "./kv.ts";
import type { KvChunks } from "./kv_chunks.ts";
import type { KvLine } from "./kv_line.ts";
import type { KvLog, ShelvedSnapshot } from "./kv_log.ts";
import type { LogMirror } from "./log_mirror.ts";
import { merge, mergeable } from "./merged_job.ts";
import { Pace } from "./pace.ts";
import { RecordError } from "./record.ts";
import { corrupt } from "./recovery.ts";
import { SnapshotInbox } from "./snapshot_inbox.ts";
import { shelve } from "./snapshot_shelf.ts";
import { StorageError } from "./storage_error.ts";
import { checkOpen, checkReadable, overtaken } from "./store_refusals.ts";
import type {
  NodeIdentity,
  PersistJob,
  RaftStore,
  SnapshotManifest,
  SnapshotReceiver,
} from "./store.ts";

/** What a store is made of once its KV was read. */
export interface KvStoreParts {
  readonly kv: Kv;
  /** What the store is called in messages. */
  readonly place: string;
  readonly identity: NodeIdentity;
  readonly incarnation: number;
  readonly storeId: string;
  readonly line: KvLine;
  readonly log: KvLog;
  readonly chunks: KvChunks;
  readonly mirror: LogMirror;
  readonly live: ShelvedSnapshot | undefined;
  readonly scheduler: Scheduler;
}

/** A job that waits for its turn. */
interface Waiting {
  readonly job: PersistJob;
  readonly snapshot: ShelvedSnapshot | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** A store in a KV. */
export class KvStore implements RaftStore {
  readonly #parts: KvStoreParts;
  readonly #inbox: SnapshotInbox;
  readonly #background = new Set<Promise<void>>();
  #live: ShelvedSnapshot | undefined;
  #waiting: Waiting[] = [];
  /** Whether a turn is asked for, for those that wait. */
  #turnAsked = false;
  #saving = false;
  #closing: Promise<void> | undefined;

  constructor(parts: KvStoreParts) {
    this.#parts = parts;
    this.#live = parts.live;
    this.#inbox = new SnapshotInbox(parts.chunks);
    this.#later(this.#dropBlocks());
  }

  get identity(): NodeIdentity {
    return this.#parts.identity;
  }

  get incarnation(): number {
    return this.#parts.incarnation;
  }

  get storeId(): string {
    return this.#parts.storeId;
  }

  get view(): StorageView {
    return this.#parts.mirror.view;
  }

  get logBytes(): number {
    return this.#parts.mirror.bytes;
  }

  persist(job: PersistJob): Promise<void> {
    return new Promise((resolve, reject) => {
      checkOpen(this.#closing !== undefined);
      const manifest = job.snapshot;
      // Taken now: while the job waits, the inbox may need the room for another one.
      const snapshot = manifest &&
        { id: this.#inbox.take(manifest), manifest };
      this.#waiting.push({ job, snapshot, resolve, reject });
      this.#askTurn();
    });
  }

  async saveSnapshot(
    at: Pick<Snapshot, "index" | "term" | "confState">,
    chunks: Iterable<Uint8Array>,
    firstIndex: number,
  ): Promise<SnapshotManifest> {
    checkOpen(this.#closing !== undefined);
    invariant(!this.#saving, "two snapshots are saved at once");
    this.#saving = true;
    try {
      const { line, chunks: shelf, scheduler } = this.#parts;
      const id = shelf.next();
      const tally = await shelve(shelf, id, chunks, new Pace(scheduler));
      const manifest = tally.manifest(at);
      await line.run("slow", () => this.#switch({ id, manifest }, firstIndex));
      return manifest;
    } finally {
      this.#saving = false;
    }
  }

  async *readSnapshot(
    manifest: SnapshotManifest,
    chunk: number = 0,
  ): AsyncIterable<Uint8Array> {
    checkOpen(this.#closing !== undefined);
    checkReadable(manifest, chunk, this.#live?.manifest);
    const { chunks, place } = this.#parts;
    try {
      yield* chunks.read(this.#live!.id, chunk, manifest.chunks);
    } catch (error) {
      if (!(error instanceof RecordError)) throw error;
      throw corrupt(
        place,
        `snapshot ${manifest.index} ${error.message}`,
        error,
      );
    }
  }

  // deno-lint-ignore require-await -- what it throws has to be a rejection
  async receiveSnapshot(manifest: SnapshotManifest): Promise<SnapshotReceiver> {
    checkOpen(this.#closing !== undefined);
    return this.#inbox.receive(manifest);
  }

  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const { kv, line, chunks } = this.#parts;
    await line.idle();
    chunks.close();
    await line.close();
    await Promise.all(this.#background);
    kv.close();
  }

  #askTurn(): void {
    if (this.#turnAsked) return;
    this.#turnAsked = true;
    this.#parts.line.run("urgent", () => this.#writeWaiting()).catch(
      (error) => {
        // The line is dead, so this is the end of all that wait.
        for (const { reject } of this.#waiting) reject(error);
        this.#waiting = [];
        this.#turnAsked = false;
      },
    );
  }

  async #writeWaiting(): Promise<void> {
    this.#turnAsked = false;
    const count = mergeable(this.#waiting.map(({ job }) => job));
    const taken = this.#waiting.splice(0, count);
    if (this.#waiting.length > 0) this.#askTurn();
    try {
      const job = merge(taken.map(({ job }) => job));
      await this.#write(job, taken[0]!.snapshot);
      for (const { resolve } of taken) resolve();
    } catch (error) {
      for (const { reject } of taken) reject(error);
    }
  }

  async #write(
    job: PersistJob,
    snapshot: ShelvedSnapshot | undefined,
  ): Promise<void> {
    const { log, mirror } = this.#parts;
    mirror.check(job);
    await log.write(job, snapshot);
    mirror.apply(job);
    if (snapshot) this.#replaceLive(snapshot);
  }

  /** Makes a saved snapshot the live one. */
  async #switch(snapshot: ShelvedSnapshot, firstIndex: number): Promise<void> {
    const { chunks, log, mirror } = this.#parts;
    const { index } = snapshot.manifest;
    if (index <= mirror.snapshotIndex) {
      this.#later(chunks.drop(snapshot.id));
      throw overtaken(index, mirror.snapshotIndex);
    }
    mirror.checkSaved(snapshot.manifest, firstIndex);
    const from = Math.max(firstIndex, mirror.view.firstIndex());
    await log.saved(snapshot, from);
    mirror.saved(snapshot.manifest, from);
    this.#replaceLive(snapshot);
  }

  /** Deletes what a new live snapshot has made useless, once it is the live one. */
  #replaceLive(snapshot: ShelvedSnapshot): void {
    const before = this.#live;
    this.#live = snapshot;
    if (before) this.#later(this.#parts.chunks.drop(before.id));
    this.#later(this.#inbox.dropTo(snapshot.manifest.index));
    this.#later(this.#dropBlocks());
  }

  async #dropBlocks(): Promise<void> {
    const { line, log, scheduler } = this.#parts;
    const pace = new Pace(scheduler);
    while (await line.run("slow", () => log.dropSome())) await pace.step();
  }

  /** Work that nobody waits for. That the store failed or closed meanwhile is known elsewhere. */
  #later(work: Promise<void>): void {
    const done = work.catch((error) => {
      if (error instanceof StorageError) return;
      if (
        error instanceof ConveyorError &&
        error.code === Code.FailedPrecondition
      ) return;
      throw error;
    }).finally(() => this.#background.delete(done));
    this.#background.add(done);
  }
}
