/**
 * Takes snapshots from peers, one at a time: chunks in order, each stored before it is acknowledged,
 * and the message of the snapshot handed to the node only when all of it is stored and fits. What
 * was stored of a transfer that broke is kept for the next one.
 */
import type { Place } from "../consensus/peer_gate.ts";
import { readSnapshotFrame } from "../consensus/snapshot_frame.ts";
import type { RaftPeerPort } from "../consensus/transport.ts";
import { Code, ConveyorError, invalidArgument } from "../errors.ts";
import { isWellFormed } from "../raft/message.ts";
import type { Message } from "../raft/types.ts";
import { decodeManifest } from "../storage/manifest.ts";
import type { SnapshotManifest } from "../storage/store.ts";
import type {
  SnapshotFrame,
  SnapshotReceipt,
} from "../../proto/messages/cluster.ts";

/** A transfer under way. */
interface Transfer {
  readonly from: number;
  readonly term: number;
  readonly stop: (reason: string) => void;
  /** Resolves when it writes nothing any more. */
  readonly over: Promise<void>;
}

/** The place where snapshots come in. */
export class SnapshotIntake {
  readonly #port: RaftPeerPort;
  #current: Transfer | undefined;

  constructor(port: RaftPeerPort) {
    this.#port = port;
  }

  /** Takes the snapshot of `message`; a transfer of a later term takes the place of one under way. */
  async *receive(
    message: Message,
    reading: AsyncIterator<SnapshotFrame>,
    place: Place,
  ): AsyncGenerator<SnapshotReceipt, void, void> {
    const manifest = manifestOf(message);
    const stopped = Promise.withResolvers<never>();
    stopped.promise.catch(() => {});
    const over = Promise.withResolvers<void>();
    const before = this.#current;
    if (before && before.from !== message.from && before.term >= message.term) {
      throw new ConveyorError(
        Code.ResourceExhausted,
        `Cannot take a snapshot from node ${message.from}: node ${before.from} is sending one`,
      );
    }
    const transfer: Transfer = {
      from: message.from,
      term: message.term,
      stop: (reason) => {
        stopped.reject(
          new ConveyorError(
            Code.Aborted,
            `Cannot go on with this snapshot: ${reason}`,
          ),
        );
      },
      over: over.promise,
    };
    this.#current = transfer;
    try {
      before?.stop("another transfer began");
      await before?.over;
      yield* this.#take(
        message,
        manifest,
        () => Promise.race([place.lost, stopped.promise, reading.next()]),
      );
    } finally {
      if (this.#current === transfer) this.#current = undefined;
      over.resolve();
    }
  }

  async *#take(
    message: Message,
    manifest: SnapshotManifest,
    next: () => Promise<IteratorResult<SnapshotFrame>>,
  ): AsyncGenerator<SnapshotReceipt, void, void> {
    const receiver = await this.#port.receiveSnapshot(manifest);
    let stored = receiver.chunks;
    while (stored < manifest.chunks) {
      yield { chunks: BigInt(stored), complete: false };
      const { value: frame, done } = await next();
      if (done) return;
      const chunk = readSnapshotFrame(frame);
      if (chunk.kind !== "chunk") {
        throw invalidArgument("frame", "must hold a chunk", "a header");
      }
      await receiver.write(chunk.number, chunk.data);
      stored++;
    }
    await receiver.finish();
    this.#port.snapshotReceived(message, manifest);
    yield { chunks: BigInt(stored), complete: true };
  }
}

/** The manifest that a MsgSnap carries; InvalidArgument when the two do not fit together. */
function manifestOf(message: Message): SnapshotManifest {
  const { type, snapshot } = message;
  if (type !== "MsgSnap" || !snapshot || !isWellFormed(message)) {
    throw invalidArgument(
      "message",
      "must be a MsgSnap that fits itself",
      type,
    );
  }
  let manifest: SnapshotManifest;
  try {
    manifest = decodeManifest(snapshot.data);
  } catch (error) {
    throw invalidArgument(
      "message.snapshot.data",
      "must be a manifest",
      (error as Error).message,
    );
  }
  if (manifest.index === snapshot.index && manifest.term === snapshot.term) {
    return manifest;
  }
  throw invalidArgument(
    "message.snapshot",
    `must be at index ${manifest.index} and term ${manifest.term}, as its manifest`,
    `${snapshot.index} and ${snapshot.term}`,
  );
}
