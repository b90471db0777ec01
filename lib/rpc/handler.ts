/**
 * What implements a service: one function per method, of messages and async iterables, knowing
 * nothing of the transport. The gRPC server runs it, and tests run it without a socket.
 */
import type { CallMetadata } from "../errors.ts";
import type { MessageInit } from "../../proto/codec.ts";
import type { MethodKind, MethodTypes } from "../../proto/service.ts";

/** What a handler may know of the call it answers. */
export interface CallContext {
  /** Aborts when the caller cancels or goes away, its deadline passes, or the server stops. */
  readonly signal: AbortSignal;
  /** Request metadata. */
  readonly metadata: CallMetadata;
  /** Address of the caller. */
  readonly peer: string;
}

/** The function that answers one method. */
export type Handler<T extends MethodTypes> = HandlerOf<
  T["kind"],
  T["request"],
  T["response"]
>;

type HandlerOf<K extends MethodKind, I, O> = {
  unary: (
    request: I,
    context: CallContext,
  ) => Promise<MessageInit<O>> | MessageInit<O>;
  client_stream: (
    requests: AsyncIterable<I>,
    context: CallContext,
  ) => Promise<MessageInit<O>>;
  server_stream: (
    request: I,
    context: CallContext,
  ) => AsyncIterable<MessageInit<O>>;
  bidi: (
    requests: AsyncIterable<I>,
    context: CallContext,
  ) => AsyncIterable<MessageInit<O>>;
}[K];

/** Handlers for some or all methods of a service; a method left out answers Unimplemented. */
export type Handlers<M extends { readonly [P in keyof M]: MethodTypes }> = {
  readonly [P in keyof M]?: Handler<M[P]>;
};
