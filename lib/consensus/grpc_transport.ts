/**
 * The RaftTransport over gRPC: for each peer one stream of messages out of this node, and a
 * connection more while a snapshot is sent. What peers send to this node comes in by
 * lib/handlers/raft_handler.ts, over the streams that they open.
 */
import type { ClientTlsOptions } from "../../clients/channel_options.ts";
import { peerDeadMs, snapshotBytesPerSecondMax } from "../limits.ts";
import { invariant } from "../invariant.ts";
import { integerOption, timeOption } from "../options.ts";
import type { Message } from "../raft/types.ts";
import type { SnapshotManifest } from "../storage/store.ts";
import type { PeerGate } from "./peer_gate.ts";
import { PeerLink } from "./peer_link.ts";
import type { PeerAddress } from "./peer_stream.ts";
import { optionsFor } from "../../clients/options_for.ts";
import { SnapshotSender } from "./snapshot_sender.ts";
import type { RaftTransport, TransportEvents } from "./transport.ts";

/** Options of the way to the other nodes. */
export interface GrpcTransportOptions {
  /** TLS towards peers whose address is https. @default the runtime's authorities, no certificate */
  readonly tls?: ClientTlsOptions;
  /** Silence after which a peer is taken for dead, in ms: the election timeout. @default 1000 */
  readonly peerDeadMs?: number;
  /** Most bytes of a snapshot that are sent in a second. @default 67108864 (64 MiB) */
  readonly snapshotBytesPerSecond?: number;
}

/** The transport of one node, over gRPC. */
export class GrpcTransport implements RaftTransport {
  readonly #gate: PeerGate;
  readonly #events: TransportEvents;
  readonly #connect: PeerAddress["connect"];
  readonly #bytesPerSecond: number;
  readonly #links = new Map<number, PeerLink>();
  readonly #senders = new Map<number, SnapshotSender>();
  /** Everything that is still under way, also of peers that are gone. */
  readonly #running = new Set<Promise<void>>();
  #closed = false;

  constructor(
    gate: PeerGate,
    events: TransportEvents,
    options: GrpcTransportOptions = {},
  ) {
    this.#gate = gate;
    this.#events = events;
    const deadMs = timeOption("peerDeadMs", options.peerDeadMs, peerDeadMs, 30);
    this.#bytesPerSecond = integerOption(
      "snapshotBytesPerSecond",
      options.snapshotBytesPerSecond,
      snapshotBytesPerSecondMax,
      1,
    );
    this.#connect = {
      ...options.tls ? { tls: options.tls } : {},
      keepaliveTimeMs: deadMs / 3,
      keepaliveTimeoutMs: deadMs * 2 / 3,
      // A channel makes one attempt: the pauses between attempts are the link's.
      reconnectBackoffMs: 1,
    };
    gate.onAdmitted = (nodeId) => this.#links.get(nodeId)?.heard();
  }

  setPeers(peers: ReadonlyMap<number, string>): void {
    if (this.#closed) return;
    for (const [peer, link] of this.#links) {
      if (peers.get(peer) === link.url) continue;
      this.#links.delete(peer);
      this.#track(link.close());
      this.#senders.get(peer)?.stop();
      // One that was removed dials again, and is told so.
      if (!peers.has(peer)) this.#gate.expel(peer);
    }
    for (const [peer, url] of peers) {
      if (this.#links.has(peer)) continue;
      this.#links.set(
        peer,
        new PeerLink(this.#addressOf(peer, url), this.#events),
      );
    }
  }

  send(messages: readonly Message[]): void {
    for (const message of messages) {
      invariant(
        message.type !== "MsgSnap",
        "a snapshot among messages to be sent",
      );
      this.#links.get(message.to)?.send(message);
    }
  }

  sendSnapshot(
    message: Message,
    manifest: SnapshotManifest,
    chunks: (from: number) => AsyncIterable<Uint8Array>,
  ): void {
    if (this.#closed) return;
    const peer = message.to;
    const link = this.#links.get(peer);
    if (!link) {
      queueMicrotask(() => this.#events.snapshotDone(peer, false));
      return;
    }
    this.#senders.get(peer)?.stop();
    const sender = new SnapshotSender(
      this.#addressOf(peer, link.url),
      { message, manifest, chunks },
      this.#bytesPerSecond,
    );
    this.#senders.set(peer, sender);
    this.#track(this.#runSender(peer, sender));
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const link of this.#links.values()) this.#track(link.close());
    for (const sender of this.#senders.values()) sender.stop();
    this.#links.clear();
    await Promise.all(this.#running);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #runSender(peer: number, sender: SnapshotSender): Promise<void> {
    const ok = await sender.run();
    if (this.#senders.get(peer) !== sender) return;
    this.#senders.delete(peer);
    if (!this.#closed) this.#events.snapshotDone(peer, ok);
  }

  #addressOf(peer: number, url: string): PeerAddress {
    const connect = optionsFor(url, this.#connect);
    return { peer, url, connect, gate: this.#gate };
  }

  #track(work: Promise<void>): void {
    const running = work.finally(() => this.#running.delete(running));
    this.#running.add(running);
  }
}
