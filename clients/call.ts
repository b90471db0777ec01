/**
 * One attempt of one call over a grpc-js client: bytes in, bytes out, every failure a ConveyorError.
 */
import { Code, ConveyorError } from "../lib/errors.ts";
import type { grpc } from "../lib/runtime/grpc.ts";
import {
  bufferOf,
  bytesOf,
  MessageWriter,
  readMessages,
} from "../lib/runtime/message_stream.ts";
import {
  errorFromStatus,
  type FailedCall,
  metadataFromGrpc,
} from "../lib/runtime/status.ts";
import type { Answer } from "./transport.ts";

/** What every attempt needs besides its message. */
export interface Attempt {
  readonly path: string;
  readonly metadata: grpc.Metadata;
  readonly options: grpc.CallOptions;
  /** Each of these ends it. Not one made by AbortSignal.any: long-lived signals remember each until it is collected. */
  readonly signals: readonly AbortSignal[];
}

/** Sends one message and resolves with the answer's bytes and metadata. */
export function callUnary(
  client: grpc.Client,
  attempt: Attempt,
  request: Uint8Array,
): Promise<Answer<Uint8Array>> {
  const { path, metadata, options, signals } = attempt;
  return new Promise((resolve, reject) => {
    let header: Answer<Uint8Array>["header"] = {};
    let message: Uint8Array | undefined;
    const call = client.makeUnaryRequest(
      path,
      bufferOf,
      bytesOf,
      request,
      metadata,
      options,
      (error, response) => {
        if (error === null) {
          message = response;
          return;
        }
        letGo();
        reject(errorOf(attempt, error));
      },
    );
    const letGo = cancelAt(signals, call);
    call.on("metadata", (received) => header = metadataFromGrpc(received));
    call.on("status", (status) => {
      letGo();
      if (message) {
        resolve({
          message,
          header,
          trailer: metadataFromGrpc(status.metadata),
        });
      }
    });
  });
}

/**
 * Exchanges streams. Requests are sent in the background while answers are read; leaving the loop
 * cancels the call.
 */
export async function* callStream(
  client: grpc.Client,
  attempt: Attempt,
  requests: AsyncIterable<Uint8Array>,
): AsyncGenerator<Uint8Array, void, void> {
  const { path, metadata, options, signals } = attempt;
  const call = client.makeBidiStreamRequest(
    path,
    bufferOf,
    bytesOf,
    metadata,
    options,
  );
  // The last word on a failed call is told to whoever reads; an unheard 'error' would be uncaught.
  call.on("error", () => {});
  const letGo = cancelAt(signals, call);
  let unsendable: { readonly reason: unknown } | undefined;
  sendRequests(call, requests).catch((reason) => {
    unsendable = { reason };
    call.cancel();
  });
  try {
    yield* readMessages(call, ["error"], (reason) => {
      if (unsendable) return unsendable.reason as Error;
      return errorOf(attempt, reason as FailedCall);
    }, (message) => message);
  } finally {
    letGo();
    call.cancel();
  }
}

/** Cancels `call` when one of `signals` aborts, until the function returned is called. */
function cancelAt(
  signals: readonly AbortSignal[],
  call: { cancel(): void },
): () => void {
  const cancel = (): void => call.cancel();
  for (const signal of signals) {
    signal.addEventListener("abort", cancel, { once: true });
  }
  return () => {
    for (const signal of signals) signal.removeEventListener("abort", cancel);
  };
}

function errorOf(
  { path, signals }: Attempt,
  failed: FailedCall,
): ConveyorError {
  const aborted = signals.find((signal) => signal.aborted);
  return aborted ? canceled(path, aborted) : errorFromStatus(path, failed);
}

async function sendRequests(
  call: grpc.ClientDuplexStream<Uint8Array, Uint8Array>,
  requests: AsyncIterable<Uint8Array>,
): Promise<void> {
  const writer = new MessageWriter(call, ["status", "error"]);
  for await (const request of requests) {
    if (!await writer.write(request)) return;
  }
  writer.end();
}

/** The error of a call that its own caller gave up: the caller's own, where it gave one. */
export function canceled(path: string, signal: AbortSignal): ConveyorError {
  const { reason } = signal;
  if (reason instanceof ConveyorError) return reason;
  const text = reason instanceof Error ? reason.message : String(reason);
  return new ConveyorError(
    Code.Canceled,
    `Cannot call "${path}": canceled: ${text}`,
    {
      cause: reason,
    },
  );
}
