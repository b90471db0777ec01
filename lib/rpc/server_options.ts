/**
 * Options of a gRPC server, resolved once: limits that keep hostile and forgotten connections from
 * staying, and TLS.
 */
import { Buffer } from "node:buffer";
import {
  concurrentStreamsMax,
  connectionIdleMs,
  keepaliveTimeMs,
  keepaliveTimeoutMs,
  messageBytesMax,
} from "../limits.ts";
import { integerOption, requiredObject, timeOption } from "../options.ts";
import { grpc } from "../runtime/grpc.ts";
import { requireCertificates, requireKeyPair } from "../runtime/pem.ts";

/** TLS of a server, as PEM text. */
export interface ServerTlsOptions {
  /** The certificate chain, the server's own first. */
  readonly cert: string;
  /** Its private key. */
  readonly key: string;
  /** Authorities of client certificates; when given, a client without one is refused. @default none */
  readonly clientCa?: string;
}

/** Options of a gRPC server. */
export interface RpcServerOptions {
  /** Certificates; without them the connection is plaintext. @default none */
  readonly tls?: ServerTlsOptions;
  /** Largest message received or sent, in bytes. @default 67108864 (64 MiB) */
  readonly messageBytesMax?: number;
  /** Calls under way on one connection; further ones wait at the client. @default 1000 */
  readonly concurrentStreamsMax?: number;
  /** A connection without a call is closed after this, in ms. @default 600000 */
  readonly connectionIdleMs?: number;
  /** Quiet time after which a client is pinged, in ms. @default 30000 */
  readonly keepaliveTimeMs?: number;
  /** Time an unanswered ping waits before the connection is closed, in ms. @default 10000 */
  readonly keepaliveTimeoutMs?: number;
}

/** Server options as grpc-js takes them. */
export interface ResolvedRpcServerOptions {
  readonly credentials: grpc.ServerCredentials;
  readonly server: grpc.ServerOptions;
}

/** Checks `options` and fills in the defaults. */
export function resolveRpcServerOptions(
  options: RpcServerOptions = {},
): ResolvedRpcServerOptions {
  const bytesMax = integerOption(
    "messageBytesMax",
    options.messageBytesMax,
    messageBytesMax,
    1,
    2 ** 31 - 1,
  );
  return {
    credentials: credentialsFor(options.tls),
    server: {
      "grpc.max_receive_message_length": bytesMax,
      "grpc.max_send_message_length": bytesMax,
      "grpc.max_concurrent_streams": integerOption(
        "concurrentStreamsMax",
        options.concurrentStreamsMax,
        concurrentStreamsMax,
        1,
        2 ** 31 - 1,
      ),
      "grpc.max_connection_idle_ms": timeOption(
        "connectionIdleMs",
        options.connectionIdleMs,
        connectionIdleMs,
      ),
      "grpc.keepalive_time_ms": timeOption(
        "keepaliveTimeMs",
        options.keepaliveTimeMs,
        keepaliveTimeMs,
      ),
      "grpc.keepalive_timeout_ms": timeOption(
        "keepaliveTimeoutMs",
        options.keepaliveTimeoutMs,
        keepaliveTimeoutMs,
      ),
    },
  };
}

function credentialsFor(
  tls: ServerTlsOptions | undefined,
): grpc.ServerCredentials {
  if (tls === undefined) return grpc.ServerCredentials.createInsecure();
  const { cert, key, clientCa } = requiredObject("tls", tls);
  requireKeyPair("tls", cert, key);
  if (clientCa !== undefined) requireCertificates("tls.clientCa", clientCa);
  // Root certificates are always named: left out, the runtime appends every authority it knows to
  // the chain it sends, and handshakes fail.
  return grpc.ServerCredentials.createSsl(
    Buffer.from(clientCa ?? cert),
    [{ cert_chain: Buffer.from(cert), private_key: Buffer.from(key) }],
    clientCa !== undefined,
  );
}
