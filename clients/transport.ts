/**
 * What a client needs of a connection: to send one message and get one, or to exchange streams. The
 * gRPC channel is one; tests have another that calls handlers without a socket.
 */
import type { CallMetadata } from "../lib/errors.ts";
import type { RetryPolicy } from "../lib/delivery/retry.ts";
import type { MessageInit } from "../proto/codec.ts";
import type { Method } from "../proto/service.ts";

/** Options of one call. */
export interface CallOptions {
  /**
   * Time until the call, all its attempts included, ends with DeadlineExceeded, in ms.
   * @default 30000 for a call with one answer; none for a stream
   */
  readonly timeoutMs?: number;
  /** Cancels the call when it aborts. @default undefined */
  readonly signal?: AbortSignal;
  /** Request metadata, added to that of the connection. @default {} */
  readonly metadata?: Readonly<Record<string, string | Uint8Array>>;
  /**
   * Tries again when the service is unavailable, overloaded or aborts; a stream is never retried.
   * @default one attempt
   */
  readonly retry?: RetryPolicy;
}

/** A call's answer with the metadata that came with it. */
export interface Answer<O> {
  /** The answer. */
  readonly message: O;
  /** Metadata that came before it. */
  readonly header: CallMetadata;
  /** Metadata that came behind it. */
  readonly trailer: CallMetadata;
}

/** A connection to one service instance. */
export interface Transport {
  /** Sends one message, resolves with the one answer. */
  unary<I, O>(
    method: Method<I, O, "unary">,
    request: MessageInit<I>,
    options?: CallOptions,
  ): Promise<Answer<O>>;
  /**
   * Sends every message of `requests`, no faster than the peer reads, and yields the answers.
   * Leaving the loop cancels the call.
   */
  stream<I, O>(
    method: Method<I, O>,
    requests: AsyncIterable<MessageInit<I>>,
    options?: CallOptions,
  ): AsyncIterable<O>;
  /** Ends the connection; calls under way are cancelled. Idempotent. */
  close(): Promise<void>;
}
