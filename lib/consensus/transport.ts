/**
 * How Raft messages travel between nodes, seen from the two who meet there: the driver hands messages
 * over and is told what went wrong; the transport delivers, and may lose. Raft bears loss, delay and
 * repetition; what it is spared are messages of an earlier connection after those of a later one, and
 * anything that was damaged on the way.
 */
import type { ConveyorError } from "../errors.ts";
import type { Message } from "../raft/types.ts";
import type {
  NodeIdentity,
  SnapshotManifest,
  SnapshotReceiver,
} from "../storage/store.ts";

/** Carries Raft messages to the other nodes. Never waits, may lose: Raft sends again. */
export interface RaftTransport extends AsyncDisposable {
  /**
   * Replaces the addresses of the other members: node id to "http://host:port" or "https://…".
   * Streams to who is gone, or has moved, are closed.
   */
  setPeers(peers: ReadonlyMap<number, string>): void;
  /**
   * Hands messages over, each to its `to`; never a MsgSnap. Appends and their answers arrive in
   * order; votes and heartbeats may overtake them. A full queue or a broken stream drops them and
   * tells `unreachable`.
   */
  send(messages: readonly Message[]): void;
  /**
   * Sends a snapshot in the background, on from where the peer says it stands, and goes on after a
   * broken connection as long as that helps. Tells `snapshotDone` once, unless a later one to the
   * same peer or `close` takes its place.
   */
  sendSnapshot(
    message: Message,
    manifest: SnapshotManifest,
    chunks: (from: number) => AsyncIterable<Uint8Array>,
  ): void;
  /** Closes all streams; tells nothing any more. Idempotent. */
  close(): Promise<void>;
}

/** What the transport tells the driver: never from inside a call of it, and a call never throws. */
export interface TransportEvents {
  /**
   * Messages to the peer were lost. `broken`: because there is no stream to it; otherwise only its
   * queue was full.
   */
  unreachable(nodeId: number, broken: boolean): void;
  /** The peer has the snapshot stored whole, or the transport has given up. */
  snapshotDone(nodeId: number, ok: boolean): void;
  /**
   * The peer refuses this node, with the error of its `admit`: another cluster, no member, a reused
   * id (AlreadyExists where the peer met another store under it), a later version, a durable log that went backwards (DataLoss). The transport goes on asking,
   * because a peer may only not yet know of a new member.
   */
  refused(nodeId: number, error: ConveyorError): void;
}

/** Who opens a stream, as it says itself. */
export interface Hello extends NodeIdentity {
  /** Version of the protocol that its frames are written in. */
  readonly version: number;
  /** How often it has opened its store. */
  readonly incarnation: number;
  /** Which store that is, of those that there were under its node id; empty from an earlier version. */
  readonly storeId: string;
  /** Number of the stream in that incarnation, rising with every stream opened. */
  readonly stream: number;
  /**
   * Its durable log and term when it opened a stream of messages; 0 in any other Hello. A peer that
   * leads in this term, and was acknowledged an entry behind `lastIndex`, sees a log that went
   * backwards.
   */
  readonly lastIndex: number;
  readonly lastTerm: number;
  readonly term: number;
  /** Where it is dialled, as of the log up to `memberAt`; empty when it is no member there. */
  readonly address: string;
  /** Index up to which it has applied the log and is a member; 0 when it is none. */
  readonly memberAt: number;
}

/** What a node says of itself; the rest of a Hello is the transport's. */
export type NodeStanding = Omit<Hello, "version" | "stream">;

/** What the server's side needs of the node. */
export interface RaftPeerPort {
  /** What this node says of itself now. */
  standing(): NodeStanding;
  /**
   * Whether who says this may talk to this node; a refusal is a ConveyorError. That the cluster is
   * the same one, the version known, and that neither incarnation nor stream is an earlier one, was
   * checked before. `claims`: it opens a stream of messages, so what it says of its log counts. Codes: NotFound for no member, FailedPrecondition for a reused id, DataLoss for
   * a log that went backwards.
   */
  admit(hello: Hello, claims: boolean): void;
  /** Takes messages of an admitted peer; false when the inbox is full and they were dropped. */
  receive(messages: readonly Message[]): boolean;
  /** Begins to take a snapshot, or goes on where an earlier transfer of it stopped. */
  receiveSnapshot(manifest: SnapshotManifest): Promise<SnapshotReceiver>;
  /** The snapshot of this message is stored whole. */
  snapshotReceived(message: Message, manifest: SnapshotManifest): void;
}
