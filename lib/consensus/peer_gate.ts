/**
 * Who may talk to this node. Both ends of every stream are checked here, so that a node whose disk
 * was wiped is neither heard nor told anything, and what an earlier stream still carries is not
 * taken after a later one has begun.
 */
import { Code, ConveyorError, invalidArgument, quote } from "../errors.ts";
import { knownPeersMax } from "../limits.ts";
import type { Hello, RaftPeerPort } from "./transport.ts";

/** Version of the protocol that this node speaks; a later one is refused. */
export const protocolVersion = 1;

/**
 * Only a stream of messages says where the log of its sender ends: acknowledgements go the same way
 * behind it. On any other they could overtake it, and the log would seem to have gone backwards.
 */
const noClaim = { lastIndex: 0, lastTerm: 0, term: 0 } as const;

/** One kind of stream that a node opens at most one of. */
export type Lane = typeof lanes[number];

const lanes = ["messages", "snapshot"] as const;

/** The part of one stream in its lane. */
export interface Place {
  /** Whether a later stream has taken its place, or the gate was closed. */
  readonly taken: boolean;
  /** Rejects when that happens, with why the stream must end. */
  readonly lost: Promise<never>;
  /** Called when the stream is over. */
  leave(): void;
}

/** Ids of the stores that peers came with first, by node id; `set` is durable when it returns. */
export interface KnownStores {
  get(nodeId: number): string | undefined;
  set(nodeId: number, storeId: string): void;
}

/** The latest that is known of a peer. */
interface Latest {
  readonly incarnation: number;
  readonly streams: Record<Lane, number>;
}

/** The gate of one node. */
export class PeerGate {
  readonly #port: Pick<RaftPeerPort, "standing" | "admit">;
  readonly #stores: KnownStores;
  readonly #latest = new Map<number, Latest>();
  readonly #places = new Map<string, StreamPlace>();
  /** Told of every stream that a peer opens: it lives, so it may be dialled. */
  onAdmitted: ((nodeId: number) => void) | undefined;
  #streams = 0;
  #closed = false;

  /** `stores` outlive the process where their node does. */
  constructor(
    port: Pick<RaftPeerPort, "standing" | "admit">,
    stores: KnownStores = new Map(),
  ) {
    this.#port = port;
    this.#stores = stores;
  }

  /** Id of the store that goes with a node id, this node's too; empty for one that was never met. */
  storeOf(nodeId: number): string {
    const own = this.#port.standing();
    if (nodeId === own.nodeId) return own.storeId;
    return this.#stores.get(nodeId) ?? "";
  }

  /** What this node says when it opens a stream. */
  hello(lane: Lane): Hello {
    const stream = ++this.#streams;
    const standing = this.#port.standing();
    return {
      ...(lane === "messages" ? standing : { ...standing, ...noClaim }),
      version: protocolVersion,
      stream,
    };
  }

  /** What this node says when a stream is opened to it. */
  answer(): Hello {
    const standing = this.#port.standing();
    return { ...standing, ...noClaim, version: protocolVersion, stream: 0 };
  }

  /** Lets in who answers a stream of this node, or throws why not. */
  admitAnswer(hello: Hello, expected: number): void {
    this.#check(hello);
    if (hello.nodeId !== expected) {
      throw new ConveyorError(
        Code.FailedPrecondition,
        `Cannot talk to node ${expected}: node ${hello.nodeId} answers at its address`,
      );
    }
    this.#port.admit(hello, false);
    this.#remember(hello);
  }

  /** Lets a stream in, in place of an earlier one of its node and lane; or throws why not. */
  admit(hello: Hello, lane: Lane): Place {
    this.#check(hello);
    const { nodeId, incarnation, stream } = hello;
    const latest = this.#latest.get(nodeId);
    if (
      incarnation === latest?.incarnation && stream <= latest.streams[lane]
    ) {
      throw new ConveyorError(
        Code.Aborted,
        `Cannot admit stream ${stream} of node ${nodeId}: stream ${
          latest.streams[lane]
        } of it has been here`,
      );
    }
    this.#port.admit(hello, lane === "messages");
    this.#remember(hello).streams[lane] = stream;
    const key = `${nodeId} ${lane}`;
    this.#places.get(key)?.lose(`stream ${stream} of node ${nodeId} came`);
    const place = new StreamPlace(() => {
      if (this.#places.get(key) === place) this.#places.delete(key);
    });
    this.#places.set(key, place);
    this.onAdmitted?.(nodeId);
    return place;
  }

  /** Ends the streams of a node that is no peer any more; whether it may come again `admit` says. */
  expel(nodeId: number): void {
    for (const lane of lanes) {
      this.#places.get(`${nodeId} ${lane}`)?.lose(`node ${nodeId} is no peer`);
    }
  }

  /** Ends every stream that was let in, and lets none in any more. Idempotent. */
  close(): void {
    this.#closed = true;
    for (const place of this.#places.values()) place.lose("the node stops");
    this.#places.clear();
  }

  #check(hello: Hello): void {
    const { version, clusterId, nodeId, incarnation, storeId } = hello;
    const own = this.#port.standing();
    const refused = (code: Code, reason: string): ConveyorError =>
      new ConveyorError(code, `Cannot admit node ${nodeId}: ${reason}`);
    if (this.#closed) throw refused(Code.Unavailable, "this node stops");
    if (version === 0 || nodeId === 0) {
      throw invalidArgument(
        version === 0 ? "hello.version" : "hello.node_id",
        "must be set",
        0,
      );
    }
    if (version > protocolVersion) {
      throw refused(
        Code.Unimplemented,
        `it speaks version ${version} of the protocol, this node up to ${protocolVersion}`,
      );
    }
    if (clusterId !== own.clusterId) {
      throw refused(
        Code.PermissionDenied,
        `it belongs to cluster ${quote(clusterId)}, this node to ${
          quote(own.clusterId)
        }`,
      );
    }
    if (nodeId === own.nodeId) {
      throw refused(Code.InvalidArgument, "this node has that id");
    }
    const store = this.#stores.get(nodeId) ?? storeId;
    if (storeId !== "" && storeId !== store) {
      throw refused(
        Code.AlreadyExists,
        "it comes with another store than before: its disk was wiped, or two nodes have its id; " +
          "let the one without its disk join under a new id. If the majority lets it in, it is " +
          `node ${own.nodeId} that met a stray first: end that one for good, stop node ${own.nodeId}, ` +
          `take the line of node ${nodeId} out of the file "met" in its data directory, and start it again`,
      );
    }
    const known = this.#latest.get(nodeId)?.incarnation ?? 0;
    if (incarnation < known) {
      throw refused(
        Code.FailedPrecondition,
        `it comes in incarnation ${incarnation} after ${known}: its disk was wiped or put back. ` +
          "Give it a new node id",
      );
    }
  }

  #remember({ nodeId, incarnation, storeId }: Hello): Latest {
    if (storeId !== "" && this.#stores.get(nodeId) === undefined) {
      this.#stores.set(nodeId, storeId);
    }
    let latest = this.#latest.get(nodeId);
    if (latest === undefined || latest.incarnation < incarnation) {
      latest = { incarnation, streams: { messages: 0, snapshot: 0 } };
    }
    // Last heard, last forgotten.
    this.#latest.delete(nodeId);
    this.#latest.set(nodeId, latest);
    if (this.#latest.size > knownPeersMax) {
      this.#latest.delete(this.#latest.keys().next().value!);
    }
    return latest;
  }
}

class StreamPlace implements Place {
  readonly #lost = Promise.withResolvers<never>();
  readonly #onLeave: () => void;
  #taken = false;

  constructor(onLeave: () => void) {
    this.#onLeave = onLeave;
    // Who has left does not hear of it.
    this.#lost.promise.catch(() => {});
  }

  get taken(): boolean {
    return this.#taken;
  }

  get lost(): Promise<never> {
    return this.#lost.promise;
  }

  lose(reason: string): void {
    this.#taken = true;
    this.#lost.reject(
      new ConveyorError(
        Code.Aborted,
        `Cannot go on with this stream: ${reason}`,
      ),
    );
  }

  leave(): void {
    this.#onLeave();
  }
}
