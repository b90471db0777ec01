/**
 * Runs handlers under grpc-js: decodes inside the handler, so that malformed bytes are answered
 * InvalidArgument; reads no faster than the handler takes; writes no faster than the caller reads;
 * turns what is thrown into a status, once.
 */
import { Code, ConveyorError } from "../errors.ts";
import { log } from "../log.ts";
import type { grpc } from "../runtime/grpc.ts";
import {
  type MessageReader,
  MessageWriter,
  readMessages,
} from "../runtime/message_stream.ts";
import { metadataFromGrpc, statusFromError } from "../runtime/status.ts";
import type { Method } from "../../proto/service.ts";
import { WireError } from "../../proto/wire.ts";
import type { CallContext } from "./handler.ts";
import type { OpenCalls } from "./open_calls.ts";

/** Told of errors that are the server's own fault, where they are answered. */
export type FaultReport = (path: string, error: unknown) => void;

type UnaryHandler = (request: unknown, context: CallContext) => unknown;
type AnyHandler = (request: never, context: CallContext) => unknown;
/** What the calls of grpc-js have in common, of whatever kind. */
interface ServerCall {
  readonly metadata: grpc.Metadata;
  getPeer(): string;
  on(event: string, listener: () => void): unknown;
}

/** The grpc-js handler for one method. */
export function handleCalls(
  method: Method,
  handler: AnyHandler,
  open: OpenCalls,
  report: FaultReport,
): grpc.UntypedHandleCall {
  return method.kind === "unary"
    ? handleUnary(method, handler as UnaryHandler, open, report)
    : handleStream(method, handler, open, report);
}

function handleUnary(
  method: Method,
  handler: UnaryHandler,
  open: OpenCalls,
  report: FaultReport,
): grpc.handleUnaryCall<Uint8Array, Uint8Array> {
  return async (call, callback) => {
    const context = new ServerCallContext(call, open);
    try {
      const answer = await handler(
        decodeRequest(method, call.request),
        context,
      );
      callback(null, encodeAnswer(method, answer));
    } catch (error) {
      callback(answerError(method, error, context, report));
    } finally {
      context.end();
    }
  };
}

function handleStream(
  method: Method,
  handler: AnyHandler,
  open: OpenCalls,
  report: FaultReport,
): grpc.handleBidiStreamingCall<Uint8Array, Uint8Array> {
  return async (call) => {
    const context = new ServerCallContext(call, open);
    try {
      const writer = new MessageWriter(call, [
        "cancelled",
      ]);
      for await (const answer of answersOf(method, handler, call, context)) {
        const written = writer.write(encodeAnswer(method, answer));
        // Waited for only where the peer is behind.
        if (!(written instanceof Promise ? await written : written)) break;
      }
      writer.end();
    } catch (error) {
      call.emit("error", answerError(method, error, context, report));
    } finally {
      context.end();
    }
  };
}

/** Whatever the kind of `method`, its handler's answers as a stream. */
function answersOf(
  method: Method,
  handler: AnyHandler,
  call: grpc.ServerDuplexStream<Uint8Array, Uint8Array>,
  context: ServerCallContext,
): AsyncIterable<unknown> {
  const requests = readMessages(
    call,
    ["cancelled", "error"],
    () =>
      new ConveyorError(
        Code.Canceled,
        `Cannot read on: the caller of "${method.path}" left`,
      ),
    (message) => decodeRequest(method, message),
  );
  // Nothing between the handler and the stream: ten thousand streams may have messages at a time.
  return method.kind === "bidi"
    ? handler(requests as never, context) as AsyncIterable<unknown>
    : answersToOne(method, handler, requests, context);
}

async function* answersToOne(
  method: Method,
  handler: AnyHandler,
  requests: MessageReader<unknown>,
  context: ServerCallContext,
): AsyncGenerator<unknown, void, void> {
  if (method.kind === "client_stream") {
    yield await handler(requests as never, context);
    return;
  }
  const { value: request, done } = await requests.next();
  if (done) {
    throw new ConveyorError(
      Code.InvalidArgument,
      `Cannot answer "${method.path}": the call ended without a request`,
    );
  }
  yield* handler(request as never, context) as AsyncIterable<unknown>;
}

function decodeRequest(method: Method, bytes: Uint8Array): unknown {
  try {
    return method.request.decode(bytes);
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw new ConveyorError(
      Code.InvalidArgument,
      `Cannot read the request of "${method.path}": ${cause.message}`,
      { cause, details: [{ field: "request", description: cause.message }] },
    );
  }
}

/** Nobody waits for a handler: what its report threw would end the process, and the call never. */
function reportSafely(
  report: FaultReport,
  path: string,
  error: unknown,
): void {
  try {
    report(path, error);
  } catch (cause) {
    log.error("Cannot report an error", { path, error, cause });
  }
}

/** What a handler answers that no message can hold is the server's fault, not the caller's. */
function encodeAnswer(method: Method, answer: unknown): Uint8Array {
  try {
    return method.response.encode(answer as object);
  } catch (cause) {
    throw new ConveyorError(
      Code.Internal,
      `Cannot write the answer of "${method.path}": ${
        (cause as Error).message
      }`,
      { cause },
    );
  }
}

function answerError(
  method: Method,
  error: unknown,
  context: ServerCallContext,
  report: FaultReport,
): Partial<grpc.StatusObject> {
  // A handler that stops because its caller left has done nothing wrong.
  const faulty = !(error instanceof ConveyorError) ||
    error.code === Code.Internal;
  if (faulty && !context.left) reportSafely(report, method.path, error);
  return statusFromError(error);
}

/** The context of a gRPC call; makes its abort signal only for a handler that looks at it. */
class ServerCallContext implements CallContext {
  readonly #call: ServerCall;
  readonly #open: OpenCalls;
  #controller: AbortController | undefined;
  #ended = false;
  #left = false;
  /** Whoever called has not cancelled, and may go to another server. */
  readonly #onStop = (): void =>
    this.#abort(Code.Unavailable, "the server is stopping");

  constructor(call: ServerCall, open: OpenCalls) {
    this.#call = call;
    this.#open = open;
    // grpc-js emits this after every finished call too: only one that comes before the end counts.
    call.on("cancelled", () => {
      if (this.#ended) return;
      this.#left = true;
      this.#abort(Code.Canceled, "the caller left");
    });
  }

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#left) this.#abort(Code.Canceled, "the caller left");
      else if (this.#open.stopped) this.#onStop();
      else this.#open.add(this.#onStop);
    }
    return this.#controller.signal;
  }

  get metadata(): CallContext["metadata"] {
    return metadataFromGrpc(this.#call.metadata);
  }

  get peer(): string {
    return this.#call.getPeer();
  }

  /** Whether the caller left before the call was answered. */
  get left(): boolean {
    return this.#left;
  }

  /** Called once the call is answered. */
  end(): void {
    this.#ended = true;
    this.#open.remove(this.#onStop);
  }

  #abort(code: Code, reason: string): void {
    this.#controller?.abort(
      new ConveyorError(code, `Cannot go on: ${reason}`),
    );
  }
}
