/**
 * Streams of messages over the stream objects of grpc-js, pulled and pushed one message at a time.
 * A reader that does not ask makes the peer wait, and a writer waits for a peer that does not read:
 * by bytes, because grpc-js itself counts sixteen messages of whatever size.
 */
import { Buffer } from "node:buffer";
import {
  streamUnreadBytesMax,
  streamUnreadMessagesMax,
  streamUnsentBytesMax,
} from "../limits.ts";

/** What the streams of grpc-js have in common, on both sides of a call. */
export interface MessageStream {
  readonly _readableState?: { highWaterMark: number };
  /** Of a call that is served: the caller left. */
  readonly cancelled?: boolean;
  read(): Uint8Array | null;
  write(message: Uint8Array, sent: () => void): boolean;
  end(): void;
  on(event: string, listener: (...args: unknown[]) => void): unknown;
  off(event: string, listener: (...args: unknown[]) => void): unknown;
}

/** Why a stream is over before its end: the thrown value of every read and write after it. */
export type StreamFailure = (reason: unknown) => Error;

/**
 * The messages of `stream` in order, each as `read` makes of it. Messages that came before a failure are
 * given before it is thrown. Leaving early does not end the other direction.
 */
export function readMessages<T>(
  stream: MessageStream,
  failureEvents: readonly string[],
  failure: StreamFailure,
  read: (message: Uint8Array) => T,
): MessageReader<T> {
  return new MessageReader(stream, failureEvents, failure, read);
}

const over = { done: true, value: undefined } as const;

/** Messages that are waited for, or polled: by one reader, in one way. */
export class MessageReader<T> implements AsyncIterableIterator<T, void, void> {
  readonly #stream: MessageStream;
  readonly #failureEvents: readonly string[];
  readonly #failure: StreamFailure;
  readonly #read: (message: Uint8Array) => T;
  #state: "new" | "reading" | "over" = "new";
  #ended = false;
  #failed: { readonly reason: unknown } | undefined;
  #wake = (): void => {};
  readonly #onReadable = (): void => this.#wake();
  readonly #onEnd = (): void => {
    this.#ended = true;
    this.#wake();
  };
  readonly #onFailure = (reason: unknown): void => {
    this.#failed ??= { reason };
    this.#wake();
  };

  constructor(
    stream: MessageStream,
    failureEvents: readonly string[],
    failure: StreamFailure,
    read: (message: Uint8Array) => T,
  ) {
    this.#stream = stream;
    this.#failureEvents = failureEvents;
    this.#failure = failure;
    this.#read = read;
  }

  /** The next message or the end; undefined: not there yet. Throws the failure that the stream ends with. */
  poll(): IteratorResult<T, void> | undefined {
    if (this.#state === "over") return over;
    if (this.#state === "new") this.#attach();
    const message = this.#stream.read();
    if (message !== null) {
      readAhead(this.#stream, message.length);
      return { done: false, value: this.#read(message) };
    }
    if (!this.#failed && !this.#ended) return undefined;
    this.leave();
    if (this.#failed) throw this.#failure(this.#failed.reason);
    return over;
  }

  /** `wake` is called when `poll` may give something, in place of what was left before. */
  onReady(wake: () => void): void {
    this.#wake = wake;
  }

  async next(): Promise<IteratorResult<T, void>> {
    for (;;) {
      const found = this.poll();
      if (found) return found;
      await new Promise<void>((resolve) => this.onReady(resolve));
    }
  }

  return(): Promise<IteratorResult<T, void>> {
    this.leave();
    return Promise.resolve(over);
  }

  /** Reads no more. */
  leave(): void {
    if (this.#state === "reading") {
      this.#stream.off("readable", this.#onReadable);
      this.#stream.off("end", this.#onEnd);
      for (const event of this.#failureEvents) {
        this.#stream.off(event, this.#onFailure);
      }
    }
    this.#state = "over";
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #attach(): void {
    this.#state = "reading";
    const stream = this.#stream;
    // Whoever begins to read may do so when the event that says so is long over.
    if (stream.cancelled) this.#failed = { reason: "cancelled" };
    stream.on("readable", this.#onReadable);
    stream.on("end", this.#onEnd);
    for (const event of this.#failureEvents) stream.on(event, this.#onFailure);
    readAhead(stream, streamUnreadBytesMax);
  }
}

/**
 * Has `stream` take in only as many messages before they are asked for as fit the bound in bytes,
 * going by the size of the last: its own sixteen may be sixteen times the largest message. What says
 * so is a field of Node's streams that has no setter; without it there would be just the sixteen.
 */
function readAhead(stream: MessageStream, messageBytes: number): void {
  const state = stream._readableState;
  if (!state) return;
  const fitting = Math.floor(streamUnreadBytesMax / Math.max(1, messageBytes));
  state.highWaterMark = Math.min(Math.max(1, fitting), streamUnreadMessagesMax);
}

/** Writes messages to one stream, waiting whenever the peer is behind. */
export class MessageWriter {
  readonly #stream: MessageStream;
  #unsentBytes = 0;
  #over = false;
  #wake: (() => void) | undefined;

  /** `overEvents` are the events after which nothing written can arrive any more. */
  constructor(stream: MessageStream, overEvents: readonly string[]) {
    this.#stream = stream;
    for (const event of overEvents) {
      stream.on(event, () => {
        this.#over = true;
        this.#wake?.();
      });
    }
  }

  /** Whether the next message may be written, once it may: false when the stream is over. */
  write(message: Uint8Array): boolean | Promise<boolean> {
    if (this.#over) return false;
    const size = message.length;
    this.#unsentBytes += size;
    this.#stream.write(message, () => {
      this.#unsentBytes -= size;
      if (this.#unsentBytes <= streamUnsentBytesMax) this.#wake?.();
    });
    return this.#unsentBytes > streamUnsentBytesMax
      ? this.#sent()
      : !this.#over;
  }

  /** Resolves when the peer has taken enough, or the stream is over. */
  async #sent(): Promise<boolean> {
    while (this.#unsentBytes > streamUnsentBytesMax && !this.#over) {
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
    return !this.#over;
  }

  /** Tells the peer that no message follows. */
  end(): void {
    if (!this.#over) this.#stream.end();
  }
}

/** The same bytes as a plain Uint8Array, so that nothing outside depends on Node's Buffer. */
export function bytesOf(buffer: Uint8Array): Uint8Array {
  return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
}

/** The same bytes as the Buffer that grpc-js wants. */
export function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(
    bytes.buffer as ArrayBuffer,
    bytes.byteOffset,
    bytes.byteLength,
  );
}
