/**
 * A store without a disk, for tests and simulations of what stands above it. It keeps every promise
 * of lib/storage/store.ts except the one about crashes: a `MemoryDisk` outlives the store that
 * wrote to it, as a file would, and nothing else does.
 */
import { invariant } from "../invariant.ts";
import type { Snapshot, StorageView } from "../raft/types.ts";
import { firstHardState, shelveFirst } from "./first_snapshot.ts";
import { checkOwner, resolveIdentity } from "./identity.ts";
import { LogMirror } from "./log_mirror.ts";
import { SnapshotInbox } from "./snapshot_inbox.ts";
import { shelve, type SnapshotShelf } from "./snapshot_shelf.ts";
import { checkOpen, checkReadable, overtaken } from "./store_refusals.ts";
import type {
  FirstSnapshot,
  NodeIdentity,
  PersistJob,
  RaftStore,
  SnapshotManifest,
  SnapshotReceiver,
} from "./store.ts";

/** What a node would find on its disk after a restart. */
export class MemoryDisk {
  identity: NodeIdentity | undefined;
  incarnation = 0;
  readonly storeId: string = crypto.randomUUID();
  mirror: LogMirror = new LogMirror(undefined);
  /** The live snapshot and its number. */
  live:
    | { readonly id: number; readonly manifest: SnapshotManifest }
    | undefined;
  readonly shelf: MemoryShelf = new MemoryShelf();
}

/** A store over a `MemoryDisk`. */
export class MemoryStore implements RaftStore {
  readonly identity: NodeIdentity;
  readonly incarnation: number;
  readonly storeId: string;
  readonly #disk: MemoryDisk;
  readonly #inbox: SnapshotInbox;
  #saving = false;
  #closed = false;

  private constructor(disk: MemoryDisk, identity: NodeIdentity) {
    this.identity = identity;
    this.incarnation = ++disk.incarnation;
    this.storeId = disk.storeId;
    this.#disk = disk;
    this.#inbox = new SnapshotInbox(disk.shelf);
  }

  /** Opens a disk; one that is new starts from `first`, or with nothing. */
  static async open(
    identity: NodeIdentity,
    first?: FirstSnapshot,
    disk: MemoryDisk = new MemoryDisk(),
  ): Promise<MemoryStore> {
    const own = resolveIdentity(identity);
    if (disk.identity) checkOwner("this memory", disk.identity, own);
    else if (first) await begin(disk, first);
    disk.identity = own;
    disk.shelf.keepOnly(disk.live?.id);
    return new MemoryStore(disk, own);
  }

  get view(): StorageView {
    return this.#disk.mirror.view;
  }

  get logBytes(): number {
    return this.#disk.mirror.bytes;
  }

  async persist(job: PersistJob): Promise<void> {
    checkOpen(this.#closed);
    const { mirror, shelf, live } = this.#disk;
    mirror.check(job);
    if (job.snapshot) {
      const manifest = job.snapshot;
      this.#disk.live = { id: this.#inbox.take(manifest), manifest };
      if (live) shelf.remove(live.id);
    }
    mirror.apply(job);
    if (job.snapshot) await this.#inbox.dropTo(job.snapshot.index);
  }

  async saveSnapshot(
    at: Pick<Snapshot, "index" | "term" | "confState">,
    chunks: Iterable<Uint8Array>,
    firstIndex: number,
  ): Promise<SnapshotManifest> {
    checkOpen(this.#closed);
    invariant(!this.#saving, "two snapshots are saved at once");
    this.#saving = true;
    const { shelf, mirror } = this.#disk;
    const id = shelf.next();
    try {
      const manifest = (await shelve(shelf, id, chunks)).manifest(at);
      checkOpen(this.#closed);
      const { live } = this.#disk;
      if (mirror.snapshotIndex >= at.index) {
        shelf.remove(id);
        throw overtaken(at.index, mirror.snapshotIndex);
      }
      mirror.checkSaved(manifest, firstIndex);
      mirror.saved(manifest, firstIndex);
      this.#disk.live = { id, manifest };
      if (live) shelf.remove(live.id);
      await this.#inbox.dropTo(at.index);
      return manifest;
    } finally {
      this.#saving = false;
    }
  }

  async *readSnapshot(
    manifest: SnapshotManifest,
    chunk: number = 0,
  ): AsyncIterable<Uint8Array> {
    const { live, shelf } = this.#disk;
    checkReadable(manifest, chunk, live?.manifest);
    yield* shelf.chunks(live!.id).slice(chunk);
  }

  // deno-lint-ignore require-await -- what it throws has to be a rejection
  async receiveSnapshot(manifest: SnapshotManifest): Promise<SnapshotReceiver> {
    checkOpen(this.#closed);
    return this.#inbox.receive(manifest);
  }

  // deno-lint-ignore require-await -- the disk needs nothing to be waited for
  async close(): Promise<void> {
    this.#closed = true;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

class MemoryShelf implements SnapshotShelf {
  readonly #snapshots = new Map<number, Uint8Array[]>();
  #last = 0;

  next(): number {
    this.#snapshots.set(++this.#last, []);
    return this.#last;
  }

  // deno-lint-ignore require-await -- part of the interface
  async write(id: number, chunk: number, data: Uint8Array): Promise<void> {
    this.chunks(id)[chunk] = data.slice();
  }

  // deno-lint-ignore require-await -- part of the interface
  async drop(id: number): Promise<void> {
    this.remove(id);
  }

  chunks(id: number): Uint8Array[] {
    const chunks = this.#snapshots.get(id);
    invariant(chunks, "a snapshot is used that is not on the shelf");
    return chunks;
  }

  /** Whoever reads it goes on reading. */
  remove(id: number): void {
    this.#snapshots.delete(id);
  }

  keepOnly(live: number | undefined): void {
    for (const id of this.#snapshots.keys()) {
      if (id !== live) this.#snapshots.delete(id);
    }
  }
}

async function begin(disk: MemoryDisk, first: FirstSnapshot): Promise<void> {
  const id = disk.shelf.next();
  const manifest = await shelveFirst(disk.shelf, id, first);
  disk.mirror = new LogMirror(manifest);
  disk.mirror.apply({
    hardState: firstHardState,
    entries: [],
    snapshot: undefined,
  });
  disk.live = { id, manifest };
}
