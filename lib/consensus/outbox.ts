/**
 * What leaves a node for the others: messages as the core emits them, snapshots on a way of their
 * own, and notices of the commit index a moment later than the rest.
 */
import type { Message } from "../raft/types.ts";
import type { Scheduler } from "../scheduler.ts";
import { decodeManifest } from "../storage/manifest.ts";
import type { RaftStore } from "../storage/store.ts";
import { CommitNotices } from "./commit_notices.ts";
import type { RaftTransport } from "./transport.ts";

/** The way out of one node. */
export class Outbox {
  readonly #transport: RaftTransport;
  readonly #store: Pick<RaftStore, "readSnapshot">;
  readonly #notices: CommitNotices;

  constructor(
    transport: RaftTransport,
    store: Pick<RaftStore, "readSnapshot">,
    scheduler: Scheduler,
  ) {
    this.#transport = transport;
    this.#store = store;
    this.#notices = new CommitNotices(
      scheduler,
      (messages) => transport.send(messages),
    );
  }

  send(messages: readonly Message[]): void {
    if (messages.length === 0) return;
    const sendable = messages.filter(({ type }) => type !== "MsgSnap");
    this.#transport.send(this.#notices.withhold(sendable));
    for (const message of messages) {
      if (message.type === "MsgSnap") this.#sendSnapshot(message);
    }
  }

  /** Takes over who the other nodes are, and where. */
  setPeers(peers: ReadonlyMap<number, string>): void {
    this.#transport.setPeers(peers);
  }

  /** Ends all streams; what is held back is dropped. Idempotent. */
  async close(): Promise<void> {
    this.#notices.close();
    await this.#transport.close();
  }

  #sendSnapshot(message: Message): void {
    const manifest = decodeManifest(message.snapshot!.data);
    this.#transport.sendSnapshot(
      message,
      manifest,
      (from) => this.#store.readSnapshot(manifest, from),
    );
  }
}
