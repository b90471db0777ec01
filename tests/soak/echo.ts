/**
 * The service that the soak serves and calls: bytes come back as they went, and
 * the server tells its memory. `loadGrpc()` is the one way around the guards, so
 * that the soak can tell whether a release still needs them.
 */
import type { Buffer } from "node:buffer";
import type { grpc } from "../../lib/runtime/grpc.ts";

export type Grpc = typeof grpc;

/** Guarded, as everything else uses it, or as it comes from npm. */
export async function loadGrpc(guarded: boolean): Promise<Grpc> {
  return guarded
    ? (await import("../../lib/runtime/grpc.ts")).grpc
    : await import("@grpc/grpc-js");
}

const identity = (bytes: Buffer): Buffer => bytes;

function unary(path: string): grpc.MethodDefinition<Buffer, Buffer> {
  return {
    path,
    requestStream: false,
    responseStream: false,
    requestSerialize: identity,
    requestDeserialize: identity,
    responseSerialize: identity,
    responseDeserialize: identity,
  };
}

export const echoService = {
  echo: unary("/soak.Echo/Echo"),
  rss: unary("/soak.Echo/Rss"),
} as const;

/** A client that dials anew within 50 ms after it lost its server. */
export function dial({ Client, credentials }: Grpc, port: number): grpc.Client {
  return new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    "grpc.initial_reconnect_backoff_ms": 50,
    "grpc.max_reconnect_backoff_ms": 50,
    // Or channels to one address share their connection.
    "grpc.use_local_subchannel_pool": 1,
  });
}

/** One call, over within 10 seconds. */
export function call(
  client: grpc.Client,
  method: keyof typeof echoService,
  request: Buffer,
): Promise<Buffer> {
  return new Promise((resolve, reject) =>
    client.makeUnaryRequest(
      echoService[method].path,
      identity,
      identity,
      request,
      { deadline: Date.now() + 10_000 },
      (error, response) => error ? reject(error) : resolve(response!),
    )
  );
}
