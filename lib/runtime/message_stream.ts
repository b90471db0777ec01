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
 * Yields the messages of `stream` in order, each as `read` makes of it. Messages that came before a
 * failure are yielded before it is thrown. Leaving the loop early does not end the other direction.
 */
export async function* readMessages<T>(
  stream: MessageStream,
  failureEvents: readonly string[],
  failure: StreamFailure,
  read: (message: Uint8Array) => T,
): AsyncGenerator<T, void, void> {
  // Whoever begins to read may do so when the event that says so is long over.
  if (stream.cancelled) throw failure("cancelled");
  let wake: (() => void) | undefined;
  let ended = false;
  let failed: { readonly reason: unknown } | undefined;
  const onReadable = (): void => wake?.();
  const onEnd = (): void => {
    ended = true;
    wake?.();
  };
  const onFailure = (reason: unknown): void => {
    failed ??= { reason };
    wake?.();
  };
  stream.on("readable", onReadable);
  stream.on("end", onEnd);
  for (const event of failureEvents) stream.on(event, onFailure);
  readAhead(stream, streamUnreadBytesMax);
  try {
    while (true) {
      const message = stream.read();
      if (message !== null) {
        readAhead(stream, message.length);
        yield read(message);
      } else if (failed) {
        throw failure(failed.reason);
      } else if (ended) {
        return;
      } else {
        await new Promise<void>((resolve) => wake = resolve);
        wake = undefined;
      }
    }
  } finally {
    stream.off("readable", onReadable);
    stream.off("end", onEnd);
    for (const event of failureEvents) stream.off(event, onFailure);
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

  /** Resolves once the next message may be written: false when the stream is over. */
  async write(message: Uint8Array): Promise<boolean> {
    if (this.#over) return false;
    const size = message.length;
    this.#unsentBytes += size;
    this.#stream.write(message, () => {
      this.#unsentBytes -= size;
      if (this.#unsentBytes <= streamUnsentBytesMax) this.#wake?.();
    });
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
