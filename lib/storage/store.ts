/**
 * What a node keeps on disk, and what each promise of it means. There is one store per node and one
 * owner of it, the consensus driver. The order in which things become durable is the heart of Raft,
 * so it is written down here, once, and every implementation passes the same suite
 * (tests/contract/store_contract.ts).
 *
 * - What a call wrote is durable, whole, when its promise resolves, and survives a crash of the
 *   process and of the machine from then on. Until then it may be there whole or not at all. The
 *   one exception is a job that is too big for one commit: after a crash its hard state may be
 *   there with only the first of its entries, and with what they replace already gone.
 * - Calls take effect in the order in which they were made; the caller need not wait in between.
 *   What is queued goes to the disk together.
 * - After a write rejects with a StorageError the outcome is unknown. The store refuses every later
 *   write with the same error and the owner stops the process: it must not guess. Any other error
 *   says that nothing was changed, and the store goes on.
 * - `view` shows exactly what is durable, at once and without waiting.
 */
import type {
  ConfState,
  Entry,
  HardState,
  Snapshot,
  StorageView,
} from "../raft/types.ts";

/** Whose disk this is. Written once, before anything else, and checked at every start. */
export interface NodeIdentity {
  /** Name of the cluster: nodes of another one are never talked to. */
  readonly clusterId: string;
  /** Number of this node, from 1; never used again once the node is gone. */
  readonly nodeId: number;
}

/**
 * What the first members of a cluster start from: a snapshot at index 1 and term 1, equal on all of
 * them, so that whoever joins later gets it from any. A node that joins starts with nothing.
 */
export interface FirstSnapshot {
  readonly confState: ConfState;
  readonly chunks: Iterable<Uint8Array>;
}

/** A snapshot as its manifest tells of it; its chunks are stored beside. */
export interface SnapshotManifest {
  readonly index: number;
  readonly term: number;
  readonly confState: ConfState;
  /** How many chunks, and the bytes of all. */
  readonly chunks: number;
  readonly bytes: number;
  /** CRC-32C over the bytes of all chunks, one after another. */
  readonly checksum: number;
}

/** What is written as one atomic unit. */
export interface PersistJob {
  /** Replaces the stored one. */
  readonly hardState: HardState | undefined;
  /** Replace every stored entry at or after the first one's index. The store keeps their data. */
  readonly entries: readonly Entry[];
  /**
   * A snapshot whose chunks were received whole: the log starts behind it from here on, what was
   * stored of it is dropped, and `entries` follow it.
   */
  readonly snapshot: SnapshotManifest | undefined;
}

/** Takes a snapshot from another node, in any number of connections. */
export interface SnapshotReceiver {
  /** Chunks that are stored already: the sender goes on with this one. */
  readonly chunks: number;
  /**
   * Stores the next chunk. InvalidArgument when it is out of order, empty, over 256 KiB or more than
   * the manifest tells of: nothing is changed then. Aborted when another snapshot is received now.
   */
  write(chunk: number, data: Uint8Array): Promise<void>;
  /** Checks what was stored against the manifest; DataLoss when it does not fit, and all is dropped. */
  finish(): Promise<void>;
}

/** The store of one node. */
export interface RaftStore extends AsyncDisposable {
  readonly identity: NodeIdentity;
  /** How often this store was opened: tells a node that restarted from one that did not. */
  readonly incarnation: number;
  /** Drawn when the store was set up: tells it from another one under the same node id. */
  readonly storeId: string;
  /** What is durable, for the core to read. A snapshot's `data` there is its encoded manifest. */
  readonly view: StorageView;
  /** Bytes of the entries that the log holds, for the decision when to make a snapshot. */
  readonly logBytes: number;

  /** Writes a job. */
  persist(job: PersistJob): Promise<void>;

  /**
   * Stores the state machine's own snapshot, slowly enough for appends to go on beside it, makes it
   * the live one, and drops the entries before `firstIndex`. Chunks are drawn as they are written;
   * what drawing one throws is what this rejects with. One at a time. Aborted when a snapshot from
   * another node has overtaken this one.
   */
  saveSnapshot(
    at: Pick<Snapshot, "index" | "term" | "confState">,
    chunks: Iterable<Uint8Array>,
    firstIndex: number,
  ): Promise<SnapshotManifest>;

  /**
   * The chunks of the live snapshot from `chunk` on, each checked; DataLoss when one is damaged,
   * NotFound when `manifest` is not that of the live one. It stays readable until the reader ends,
   * though a newer one becomes the live one.
   */
  readSnapshot(
    manifest: SnapshotManifest,
    chunk?: number,
  ): AsyncIterable<Uint8Array>;

  /**
   * Begins to take the snapshot of `manifest`, or goes on where an earlier attempt of this process
   * stopped. Any other one being received is dropped.
   */
  receiveSnapshot(manifest: SnapshotManifest): Promise<SnapshotReceiver>;

  /** Waits for what is being written and lets go of the disk. Idempotent. */
  close(): Promise<void>;
}
