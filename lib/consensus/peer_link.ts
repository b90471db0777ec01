/**
 * The way to one peer: keeps a stream of messages open, and dials again when it breaks, with pauses
 * that grow while the peer does not answer. What waits when a stream breaks is dropped, and what
 * comes until the next attempt: by the time it could arrive Raft has gone on.
 */
import { setTimeout as delay } from "node:timers/promises";
import { systemClock } from "../clock.ts";
import { backoffMs } from "../delivery/retry.ts";
import { Code, type ConveyorError } from "../errors.ts";
import {
  peerBackoffMs,
  peerBackoffMsMax,
  peerDialTimeoutMs,
  peerDialTimeoutMsMax,
} from "../limits.ts";
import { log } from "../log.ts";
import { systemRandom } from "../random.ts";
import type { Message } from "../raft/types.ts";
import { type PeerAddress, PeerStream } from "./peer_stream.ts";
import { SendQueue } from "./send_queue.ts";
import type { TransportEvents } from "./transport.ts";

/** Pauses between attempts to reach a peer. */
export const redialPolicy: Parameters<typeof backoffMs>[0] = {
  maxAttempts: Infinity,
  initialBackoffMs: peerBackoffMs,
  maxBackoffMs: peerBackoffMsMax,
  multiplier: 2,
};

/** Statuses by which a peer refuses this node; all others are trouble on the way. */
const refusals: readonly Code[] = [
  Code.PermissionDenied,
  Code.NotFound,
  Code.AlreadyExists,
  Code.FailedPrecondition,
  Code.Unimplemented,
  Code.DataLoss,
];

/** The way to one peer, until it is closed. */
export class PeerLink {
  readonly #address: PeerAddress;
  readonly #events: TransportEvents;
  readonly #policy: typeof redialPolicy;
  readonly #queue = new SendQueue();
  readonly #running: Promise<void>;
  #stream: PeerStream | undefined;
  /** Whether the dialled peer is silent for so long that what is sent would come too late. */
  #late = false;
  #pause: AbortController | undefined;
  #hurry = false;
  #closed = false;
  /** What will be told of lost messages at the end of this turn. */
  #losing: "queueFull" | "broken" | undefined;
  /** The last reason that was logged, without its numbers: each is logged once. */
  #reason = "";

  constructor(
    address: PeerAddress,
    events: TransportEvents,
    policy: typeof redialPolicy = redialPolicy,
  ) {
    this.#address = address;
    this.#events = events;
    this.#policy = policy;
    this.#running = this.#run();
  }

  get url(): string {
    return this.#address.url;
  }

  send(message: Message): void {
    if (!this.#stream || this.#late) this.#lose("broken");
    else if (this.#queue.push(message)) this.#stream.wake();
    else this.#lose("queueFull");
  }

  /** The peer has just opened a stream to this node: now is the time to dial it. */
  heard(): void {
    if (this.#pause) this.#pause.abort();
    else if (this.#late) {
      this.#hurry = true;
      this.#stream?.end("the peer was heard meanwhile");
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#stream?.end("the transport was closed");
    this.#pause?.abort();
    await this.#running;
  }

  async #run(): Promise<void> {
    for (let failures = 0; !this.#closed;) {
      const stream = this.#stream = new PeerStream(this.#address, this.#queue);
      const dialledMs = systemClock.monotonicMs();
      const error = await this.#runStream(stream, failures);
      const lastedMs = systemClock.monotonicMs() - dialledMs;
      this.#stream = undefined;
      this.#queue.clear();
      if (this.#closed) return;
      // A peer that lets in and breaks at once is not dialled without a pause either.
      const stood = stream.up && lastedMs >= this.#policy.maxBackoffMs;
      failures = stood ? 1 : failures + 1;
      this.#report(error);
      if (!this.#hurry) await this.#wait(failures);
      this.#hurry = false;
    }
  }

  async #runStream(
    stream: PeerStream,
    failures: number,
  ): Promise<ConveyorError> {
    const timeoutMs = Math.min(
      peerDialTimeoutMs * 2 ** failures,
      peerDialTimeoutMsMax,
    );
    const lateTimer = setTimeout(() => {
      this.#late = true;
      this.#queue.clear();
      this.#lose("broken");
    }, peerDialTimeoutMs);
    const timer = setTimeout(
      () => stream.end(`no answer within ${timeoutMs} ms`),
      timeoutMs,
    );
    const answered = (): void => {
      clearTimeout(timer);
      clearTimeout(lateTimer);
      this.#late = false;
    };
    try {
      return await stream.run(() => {
        answered();
        this.#reason = "";
        log.info("Connected to peer", this.#fields());
      });
    } finally {
      answered();
    }
  }

  async #wait(failures: number): Promise<void> {
    this.#pause = new AbortController();
    try {
      await delay(backoffMs(this.#policy, failures, systemRandom), undefined, {
        signal: this.#pause.signal,
      });
    } catch {
      // Cut short.
    }
    this.#pause = undefined;
  }

  #report(error: ConveyorError): void {
    const { peer } = this.#address;
    const refuses = refusals.includes(error.code);
    const reason = error.message.replace(/\d+/g, "");
    if (this.#reason !== reason) {
      this.#reason = reason;
      log.warn(refuses ? "A peer refuses this node" : "Lost peer", {
        ...this.#fields(),
        reason: error.message,
      });
    }
    if (refuses) this.#events.refused(peer, error);
    this.#lose("broken");
  }

  #fields(): { readonly node: number; readonly url: string } {
    return { node: this.#address.peer, url: this.#address.url };
  }

  /** Tells of lost messages once a turn, and never from inside a call of the driver. */
  #lose(why: "queueFull" | "broken"): void {
    if (this.#losing === undefined) {
      queueMicrotask(() => {
        const broken = this.#losing === "broken";
        this.#losing = undefined;
        if (!this.#closed) this.#events.unreachable(this.#address.peer, broken);
      });
    }
    if (this.#losing !== "broken") this.#losing = why;
  }
}
