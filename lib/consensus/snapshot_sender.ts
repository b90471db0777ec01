/**
 * Sends one snapshot to one peer, over a connection of its own so that appends and heartbeats never
 * wait behind its chunks, and no faster than the limit. A broken transfer goes on where the peer
 * says it stands, as long as attempts bring the peer further.
 */
import { setTimeout as delay } from "node:timers/promises";
import { Channel } from "../../clients/channel.ts";
import type {
  RaftTransportMethods,
  SnapshotFrame,
} from "../../proto/messages/cluster.ts";
import { serviceOf } from "../../proto/service.ts";
import { systemClock } from "../clock.ts";
import { backoffMs } from "../delivery/retry.ts";
import { Code, ConveyorError, messageOf } from "../errors.ts";
import { snapshotAttempts, snapshotStallMs } from "../limits.ts";
import { log } from "../log.ts";
import { systemRandom } from "../random.ts";
import type { Message } from "../raft/types.ts";
import type { SnapshotManifest } from "../storage/store.ts";
import { redialPolicy } from "./peer_link.ts";
import type { PeerAddress } from "./peer_stream.ts";
import { chunkFrame, headerFrame } from "./snapshot_frame.ts";

const { sendSnapshot } = serviceOf<RaftTransportMethods>(
  "conveyor.cluster.RaftTransport",
).methods;

/** What is sent. */
export interface OutgoingSnapshot {
  readonly message: Message;
  readonly manifest: SnapshotManifest;
  readonly chunks: (from: number) => AsyncIterable<Uint8Array>;
}

/** One snapshot on its way; `run` is called once. */
export class SnapshotSender {
  readonly #address: PeerAddress;
  readonly #snapshot: OutgoingSnapshot;
  readonly #bytesPerSecond: number;
  readonly #stopped = new AbortController();
  /** Chunks that the peer has stored. */
  #stored = 0;
  /** Why this node itself cannot go on. */
  #unreadable: unknown;

  constructor(
    address: PeerAddress,
    snapshot: OutgoingSnapshot,
    bytesPerSecond: number,
  ) {
    this.#address = address;
    this.#snapshot = snapshot;
    this.#bytesPerSecond = bytesPerSecond;
  }

  /** Whether it was given up by `stop`. */
  get stopped(): boolean {
    return this.#stopped.signal.aborted;
  }

  stop(): void {
    this.#stopped.abort(new Error("the transfer was given up"));
  }

  /** Resolves with whether the peer has it stored whole. Never rejects. */
  async run(): Promise<boolean> {
    for (let attempts = 1; !this.stopped; attempts++) {
      const before = this.#stored;
      const error = await this.#attempt();
      if (!error) return true;
      if (this.stopped) return false;
      if (this.#stored > before) attempts = 1;
      if (this.#unreadable !== undefined || attempts >= snapshotAttempts) {
        log.warn("Cannot send a snapshot", this.#fields(error));
        return false;
      }
      log.info("Sending a snapshot again", this.#fields(error));
      await this.#pause(attempts);
    }
    return false;
  }

  /** Resolves with what went wrong, if anything did. */
  async #attempt(): Promise<Error | undefined> {
    const stall = new Stall();
    const signal = AbortSignal.any([stall.signal, this.#stopped.signal]);
    const start = Promise.withResolvers<number | undefined>();
    let channel: Channel | undefined;
    try {
      channel = await Channel.open(this.#address.url, this.#address.connect);
      const frames = this.#frames(start.promise, signal);
      const answers = channel.stream(sendSnapshot, frames, { signal });
      for await (const { chunks, complete } of answers) {
        stall.progress();
        this.#stored = this.#checked(chunks);
        start.resolve(this.#stored);
        if (complete) return undefined;
      }
      return new Error("the peer ended the transfer early");
    } catch (error) {
      return error as Error;
    } finally {
      start.resolve(undefined);
      stall.end();
      await channel?.close();
    }
  }

  async *#frames(
    start: Promise<number | undefined>,
    signal: AbortSignal,
  ): AsyncGenerator<SnapshotFrame, void, void> {
    yield headerFrame(
      this.#address.gate.hello("snapshot"),
      this.#snapshot.message,
    );
    let number = await start;
    if (number === undefined) return;
    const began = systemClock.monotonicMs();
    let bytes = 0;
    try {
      for await (const chunk of this.#snapshot.chunks(number)) {
        const dueMs = began + bytes * 1000 / this.#bytesPerSecond;
        const earlyMs = dueMs - systemClock.monotonicMs();
        if (earlyMs > 1) await delay(earlyMs, undefined, { signal });
        if (signal.aborted) return;
        bytes += chunk.length;
        yield chunkFrame(number++, chunk);
      }
    } catch (error) {
      if (!signal.aborted) this.#unreadable = error;
      throw error;
    }
  }

  #checked(chunks: bigint): number {
    if (chunks <= BigInt(this.#snapshot.manifest.chunks)) return Number(chunks);
    throw new ConveyorError(
      Code.OutOfRange,
      `Cannot send chunk ${chunks} of a snapshot: it has ${this.#snapshot.manifest.chunks}`,
    );
  }

  async #pause(attempts: number): Promise<void> {
    try {
      await delay(backoffMs(redialPolicy, attempts, systemRandom), undefined, {
        signal: this.#stopped.signal,
      });
    } catch {
      // Given up meanwhile.
    }
  }

  #fields(error: Error): Readonly<Record<string, unknown>> {
    const { index, chunks } = this.#snapshot.manifest;
    return {
      node: this.#address.peer,
      index,
      stored: `${this.#stored} of ${chunks} chunks`,
      reason: messageOf(error),
    };
  }
}

/** Aborts when nothing goes on for too long. */
class Stall {
  readonly #controller = new AbortController();
  #timer: ReturnType<typeof setTimeout> = this.#start();

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  progress(): void {
    clearTimeout(this.#timer);
    this.#timer = this.#start();
  }

  end(): void {
    clearTimeout(this.#timer);
    this.#controller.abort();
  }

  #start(): ReturnType<typeof setTimeout> {
    return setTimeout(
      () =>
        this.#controller.abort(
          new Error(`no chunk was stored within ${snapshotStallMs} ms`),
        ),
      snapshotStallMs,
    );
  }
}
