/** A node's store, with what has become durable told to the invariants. */
import type { Snapshot, StorageView } from "../../lib/raft/types.ts";
import type {
  NodeIdentity,
  PersistJob,
  RaftStore,
  SnapshotManifest,
  SnapshotReceiver,
} from "../../lib/storage/store.ts";
import type { Invariants } from "./invariants.ts";

/** How often things happened, over all nodes. */
export interface StoreCounts {
  snapshotsSaved: number;
  snapshotsInstalled: number;
}

export class WatchedStore implements RaftStore {
  readonly #store: RaftStore;
  readonly #invariants: Invariants;
  readonly #counts: StoreCounts;

  /** `node` is the number under which the invariants know whose store it is. */
  constructor(
    store: RaftStore,
    node: number,
    invariants: Invariants,
    counts: StoreCounts,
  ) {
    this.#store = store;
    this.#invariants = invariants;
    this.#counts = counts;
    invariants.opened(node, store.view);
  }

  get identity(): NodeIdentity {
    return this.#store.identity;
  }

  get storeId(): string {
    return this.#store.storeId;
  }

  get incarnation(): number {
    return this.#store.incarnation;
  }

  get view(): StorageView {
    return this.#store.view;
  }

  get logBytes(): number {
    return this.#store.logBytes;
  }

  async persist(job: PersistJob): Promise<void> {
    await this.#store.persist(job);
    if (job.snapshot) this.#counts.snapshotsInstalled++;
    this.#invariants.persisted(this.identity.nodeId, job, this.view);
  }

  async saveSnapshot(
    at: Pick<Snapshot, "index" | "term" | "confState">,
    chunks: Iterable<Uint8Array>,
    firstIndex: number,
  ): Promise<SnapshotManifest> {
    const manifest = await this.#store.saveSnapshot(at, chunks, firstIndex);
    this.#counts.snapshotsSaved++;
    return manifest;
  }

  readSnapshot(
    manifest: SnapshotManifest,
    chunk?: number,
  ): AsyncIterable<Uint8Array> {
    return this.#store.readSnapshot(manifest, chunk);
  }

  receiveSnapshot(manifest: SnapshotManifest): Promise<SnapshotReceiver> {
    return this.#store.receiveSnapshot(manifest);
  }

  close(): Promise<void> {
    return this.#store.close();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
