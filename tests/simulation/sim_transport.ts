/**
 * The way from one node to the others in a simulation. It keeps what lib/consensus/transport.ts
 * promises and no more: messages are lost, repeated and reordered, but those of an earlier stream are
 * not taken after a later one has begun, and a peer is asked at the start of each stream whether it
 * admits the sender. A snapshot goes chunk by chunk, on from where the peer stands.
 */
import type { LeaderPort } from "../../lib/consensus/metadata.ts";
import { protocolVersion } from "../../lib/consensus/peer_gate.ts";
import type { RaftPeer } from "../../lib/consensus/raft_peer.ts";
import type {
  Hello,
  NodeStanding,
  RaftTransport,
  TransportEvents,
} from "../../lib/consensus/transport.ts";
import { asConveyorError } from "../../lib/errors.ts";
import type { Message, MessageType } from "../../lib/raft/types.ts";
import type { SnapshotManifest } from "../../lib/storage/store.ts";
import type { KvChange } from "../fixtures/kv_machine.ts";
import type { Network } from "./network.ts";
import type { Process } from "./process.ts";
import type { World } from "./world.ts";

/** A node as others reach it. */
export interface Reachable {
  readonly process: Process;
  readonly peer: RaftPeer<KvChange>;
  readonly propose: LeaderPort["propose"];
  /** Who has spoken to it, and in which stream. */
  readonly heard: Map<number, Hello>;
}

/** Where the nodes are. */
export interface Directory {
  /** The node that runs under a number right now. */
  reach(node: number): Reachable | undefined;
  /** Whether the cluster has removed a node. */
  isRemoved(node: number): boolean;
  /** Whether the cluster can do without a removed node. */
  maySpare(node: number): boolean;
}

const types: readonly MessageType[] = [
  "MsgProp",
  "MsgApp",
  "MsgAppResp",
  "MsgVote",
  "MsgVoteResp",
  "MsgPreVote",
  "MsgPreVoteResp",
  "MsgHeartbeat",
  "MsgHeartbeatResp",
  "MsgSnap",
  "MsgTimeoutNow",
  "MsgTransferLeader",
  "MsgReadIndex",
  "MsgReadIndexResp",
];
/** Time until a node notices that a stream of it is broken. */
const noticeMs = 5;
const snapshotAttempts = 3;

export class SimTransport implements RaftTransport {
  readonly #world: World;
  readonly #network: Network;
  readonly #directory: Directory;
  readonly #process: Process;
  readonly #events: TransportEvents;
  readonly #standing: () => NodeStanding;
  readonly #onSend: (messages: readonly Message[]) => void;
  readonly #streams = new Map<number, Hello>();
  #peers: ReadonlySet<number> = new Set();
  #streamNumber = 0;
  /** The latest snapshot to each peer: an earlier one tells nothing any more. */
  readonly #sending = new Map<number, Message>();

  constructor(
    world: World,
    network: Network,
    directory: Directory,
    process: Process,
    events: TransportEvents,
    standing: () => NodeStanding,
    onSend: (messages: readonly Message[]) => void,
  ) {
    this.#world = world;
    this.#network = network;
    this.#directory = directory;
    this.#process = process;
    this.#events = events;
    this.#standing = standing;
    this.#onSend = onSend;
  }

  setPeers(peers: ReadonlyMap<number, string>): void {
    this.#peers = new Set(peers.keys());
  }

  send(messages: readonly Message[]): void {
    this.#onSend(messages);
    for (const message of messages) {
      const { to } = message;
      if (!this.#peers.has(to)) continue;
      const hello = this.#streams.get(to) ?? this.#open(to);
      const sent = this.#network.send(
        this.#process.node,
        to,
        () => this.#arrive(message, hello),
      );
      if (!sent && this.#network.isCut(this.#process.node, to)) {
        this.#broken(to);
      }
    }
  }

  sendSnapshot(
    message: Message,
    manifest: SnapshotManifest,
    chunks: (from: number) => AsyncIterable<Uint8Array>,
  ): void {
    const { to } = message;
    this.#sending.set(to, message);
    this.#transfer(message, manifest, chunks).then((ok) => {
      if (this.#sending.get(to) !== message) return;
      this.#sending.delete(to);
      this.#events.snapshotDone(to, ok);
    });
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #open(to: number): Hello {
    const hello = {
      ...this.#standing(),
      version: protocolVersion,
      stream: ++this.#streamNumber,
    };
    this.#streams.set(to, hello);
    return hello;
  }

  /** The stream to a peer is gone; the next message opens another. */
  #broken(to: number): void {
    if (!this.#streams.delete(to)) return;
    this.#process.after(noticeMs, () => this.#events.unreachable(to, true));
  }

  #arrive(message: Message, hello: Hello): void {
    const target = this.#directory.reach(message.to);
    if (target === undefined) {
      this.#process.enter(() => this.#broken(message.to));
      return;
    }
    target.process.enter(() => {
      const before = target.heard.get(hello.nodeId);
      if (isLater(before, hello)) return;
      if (before !== hello) {
        try {
          target.peer.admit(hello, true);
        } catch (error) {
          this.#process.after(
            noticeMs,
            () => this.#events.refused(message.to, asConveyorError(error)),
          );
          return;
        }
        target.heard.set(hello.nodeId, hello);
      }
      this.#world.note(types.indexOf(message.type));
      this.#world.note(message.term);
      this.#world.note(message.index);
      this.#world.note(message.entries.length);
      target.peer.receive([message]);
    });
  }

  async #transfer(
    message: Message,
    manifest: SnapshotManifest,
    chunks: (from: number) => AsyncIterable<Uint8Array>,
  ): Promise<boolean> {
    const call = <T>(work: (peer: RaftPeer<KvChange>) => Promise<T>) =>
      this.#call(message.to, ({ peer }) => work(peer));
    for (let attempt = 0; attempt < snapshotAttempts; attempt++) {
      try {
        let next = await call(async (peer) =>
          (await peer.receiveSnapshot(manifest)).chunks
        );
        for await (const data of chunks(next)) {
          const chunk = next++;
          await call(async (peer) => {
            const receiver = await peer.receiveSnapshot(manifest);
            // The answer to the chunk was lost, not the chunk.
            if (receiver.chunks > chunk) return;
            await receiver.write(chunk, data);
          });
        }
        await call(async (peer) => {
          await (await peer.receiveSnapshot(manifest)).finish();
          peer.snapshotReceived(message);
        });
        return true;
      } catch {
        if (this.#sending.get(message.to) !== message) return false;
      }
    }
    return false;
  }

  #call<T>(
    to: number,
    work: (target: Reachable) => Promise<T>,
  ): Promise<T> {
    return this.#network.call(
      this.#process,
      to,
      () => this.#directory.reach(to),
      work,
    );
  }
}

/** Whether `before` is of a later run or stream than `hello`. */
function isLater(before: Hello | undefined, hello: Hello): boolean {
  if (before === undefined) return false;
  return before.incarnation > hello.incarnation ||
    before.incarnation === hello.incarnation && before.stream > hello.stream;
}

/** The way to a leader that is another node. */
export function simLeader(
  network: Network,
  directory: Directory,
  process: Process,
): LeaderPort {
  return {
    propose: (leader, requestId, command) =>
      network.call(
        process,
        leader.id,
        () => directory.reach(leader.id),
        (target, signal) => target.propose(leader, requestId, command, signal),
      ),
  };
}
