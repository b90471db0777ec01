/**
 * One stream on which records are pushed, whichever service it is of. A message is taken as bytes: its
 * records are indexed and not decoded. A stream is read only while there is room for its records and its
 * source reads what it is told; one that its source ends stays open until all of them are settled, so
 * that no ack is lost by an early goodbye.
 */
import type { SourceListener, SourceSession } from "../flow/source_session.ts";
import { pushAnswersBytesMax } from "../limits.ts";
import { Outbox } from "./outbox.ts";

/** Where a batch is in a message. */
export interface BatchRange {
  readonly start: number;
  readonly end: number;
}

/** The messages of a push stream. */
export interface PushWire {
  /** Where the batch in a message is; undefined: it has none. Throws InvalidArgument for a malformed one. */
  readonly batchIn: (message: Uint8Array) => BatchRange | undefined;
  readonly acked: (
    intake: Parameters<SourceListener["acked"]>[0],
  ) => Uint8Array;
  readonly granted: (
    ...grant: Parameters<SourceListener["granted"]>
  ) => Uint8Array;
  readonly pressed: (
    ...pressure: Parameters<SourceListener["pressed"]>
  ) => Uint8Array;
}

/** One stream of a source, between its messages and its session. */
export class PushStream implements SourceListener {
  readonly answers: Outbox = new Outbox(() => this.#wake());
  readonly #wire: PushWire;
  readonly #session: SourceSession;
  readonly #signal: AbortSignal;
  readonly #caughtUp: () => Promise<void>;
  readonly #onAbort = (): void => this.close();
  #closed = false;
  /** Whoever waits for room, or for the last ack. */
  #wake: () => void = () => {};

  /**
   * Takes `requests` until they end or `signal` aborts; `open` opens the session. `caughtUp` resolves when
   * this node knows what others do: before it takes a first batch, or says that no pipeline takes one.
   */
  constructor(
    wire: PushWire,
    open: (listener: SourceListener) => SourceSession,
    requests: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
    caughtUp: () => Promise<void> = () => Promise.resolve(),
  ) {
    this.#wire = wire;
    this.#session = open(this);
    this.#signal = signal;
    this.#caughtUp = caughtUp;
    signal.addEventListener("abort", this.#onAbort);
    this.#read(requests).then(
      () => this.answers.end(),
      (error) => this.answers.end(error),
    );
  }

  acked: SourceListener["acked"] = (intake) => {
    this.answers.put(this.#wire.acked(intake));
    if (this.#session.underWay === 0) this.#wake();
  };

  granted: SourceListener["granted"] = (...grant) =>
    this.answers.put(this.#wire.granted(...grant));

  pressed: SourceListener["pressed"] = (...pressure) =>
    this.answers.put(this.#wire.pressed(...pressure));

  readable: SourceListener["readable"] = () => this.#wake();

  /** The stream is gone; its records go on. Idempotent. */
  close(): void {
    this.#closed = true;
    this.#signal.removeEventListener("abort", this.#onAbort);
    this.#session.close();
    this.answers.end();
    this.#wake();
  }

  /** Takes every message; an error of the stream is thrown once what was taken is settled. */
  async #read(requests: AsyncIterable<Uint8Array>): Promise<void> {
    const session = this.#session;
    try {
      for await (const message of requests) {
        const batch = this.#wire.batchIn(message);
        if (batch) {
          if (session.unclaimed) await this.#caughtUp();
          session.accept(message, batch.start, batch.end);
        }
        while (!this.#closed && !this.#mayRead) await this.#woken();
      }
    } finally {
      while (!this.#closed && session.underWay > 0) await this.#woken();
    }
  }

  /** Whether there is room for one more batch, and for what there will be to tell of it. */
  get #mayRead(): boolean {
    return this.answers.bytes < pushAnswersBytesMax && this.#session.mayRead;
  }

  #woken(): Promise<void> {
    return new Promise((resolve) => this.#wake = resolve);
  }
}
