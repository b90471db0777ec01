/**
 * Ends streams when their server drains. A stream of a router lives as long as the router, so a
 * drain that waited for it would always run into its deadline. What was read is answered; then the
 * stream fails with Unavailable, and the peer takes the rest elsewhere.
 */
import { Code, ConveyorError } from "../errors.ts";
import type { CallContext, Handlers } from "../rpc/handler.ts";
import type { Method, MethodTypes, Service } from "../../proto/service.ts";

type StreamHandler = (
  input: unknown,
  context: CallContext,
) => AsyncIterable<unknown>;

/** `handlers`, whose streams end once `draining` aborts. */
export function drainable<M extends { readonly [P in keyof M]: MethodTypes }>(
  service: Service<M>,
  handlers: Handlers<M>,
  draining: AbortSignal,
): Handlers<M> {
  const wrapped: { [name: string]: unknown } = { ...handlers };
  for (const [name, { kind }] of Object.entries<Method>(service.methods)) {
    const handler = wrapped[name] as StreamHandler | undefined;
    if (!handler) continue;
    if (kind === "bidi") {
      wrapped[name] = (requests: AsyncIterable<unknown>, call: CallContext) =>
        handler(untilDraining(requests, draining), call);
    } else if (kind === "server_stream") {
      wrapped[name] = (
        request: unknown,
        { signal, metadata, peer }: CallContext,
      ) => {
        // Also tells a handler that waits for something else than its caller.
        const either = AbortSignal.any([signal, draining]);
        const call = { signal: either, metadata, peer };
        return untilDraining(handler(request, call), draining);
      };
    }
  }
  return wrapped as Handlers<M>;
}

async function* untilDraining<T>(
  items: AsyncIterable<T>,
  draining: AbortSignal,
): AsyncGenerator<T, void, void> {
  const iterator = items[Symbol.asyncIterator]();
  const { promise: drained, reject } = Promise.withResolvers<never>();
  // Lost races leave the rejection to nobody.
  drained.catch(() => {});
  const onDrain = (): void =>
    reject(
      new ConveyorError(
        Code.Unavailable,
        "Cannot go on with the stream: the server is draining",
      ),
    );
  if (draining.aborted) onDrain();
  else draining.addEventListener("abort", onDrain);
  try {
    while (true) {
      const { done, value } = await Promise.race([iterator.next(), drained]);
      if (done) return;
      yield value;
    }
  } finally {
    draining.removeEventListener("abort", onDrain);
    // Not awaited: an iterator that waits for its next item returns only after it.
    iterator.return?.().catch(() => {});
  }
}
