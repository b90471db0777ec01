/**
 * Options of a connection, resolved once: what a user may say, its defaults, and the credentials
 * and channel arguments that grpc-js is given.
 */
import { Buffer } from "node:buffer";
import { Code, ConveyorError, invalidArgument } from "../lib/errors.ts";
import {
  callTimeoutMs,
  connectTimeoutMs,
  keepaliveTimeMs,
  keepaliveTimeoutMs,
  messageBytesMax,
  reconnectBackoffMs,
  reconnectBackoffMsMax,
} from "../lib/limits.ts";
import { resolveRetryPolicy, type RetryPolicy } from "../lib/delivery/retry.ts";
import {
  integerOption,
  requiredObject,
  requiredString,
  timeOption,
} from "../lib/options.ts";
import { grpc } from "../lib/runtime/grpc.ts";
import { requireCertificates, requireKeyPair } from "../lib/runtime/pem.ts";
import type { Address } from "./address.ts";
import { requireMetadata, requireSignal } from "./call_options.ts";

/** TLS of a client. Every item is PEM text, or the path of a PEM file in the `…File` form. */
export interface ClientTlsOptions {
  /** Certificates of the authorities to trust. @default those of the runtime */
  readonly ca?: string;
  /** The same from a file. @default none */
  readonly caFile?: string;
  /** This client's certificate chain, for servers that ask for one. @default none */
  readonly cert?: string;
  /** The same from a file. @default none */
  readonly certFile?: string;
  /** The certificate's private key; required with it. @default none */
  readonly key?: string;
  /** The same from a file. @default none */
  readonly keyFile?: string;
  /** Name to expect in the server's certificate, where it is not the address. @default the host */
  readonly serverName?: string;
}

/** Options of `connect`. */
export interface ConnectOptions {
  /** Time until `connect` gives up, in ms. @default 10000 */
  readonly connectTimeoutMs?: number;
  /** Time until a unary call ends with DeadlineExceeded, in ms. @default 30000 */
  readonly timeoutMs?: number;
  /** Gives `connect` up when it aborts. @default undefined */
  readonly signal?: AbortSignal;
  /** How calls are tried again. @default one attempt */
  readonly retry?: RetryPolicy;
  /** TLS material for `https://` addresses. @default the runtime's authorities, no certificate */
  readonly tls?: ClientTlsOptions;
  /** Sent as `authorization: Bearer …` with every call. @default none */
  readonly bearerToken?: string;
  /** Request metadata for every call. @default {} */
  readonly metadata?: Readonly<Record<string, string | Uint8Array>>;
  /** Largest message sent or received, in bytes. @default 67108864 (64 MiB) */
  readonly messageBytesMax?: number;
  /** Quiet time after which the server is pinged, in ms. @default 30000 */
  readonly keepaliveTimeMs?: number;
  /** Time an unanswered ping waits before the connection is given up, in ms. @default 10000 */
  readonly keepaliveTimeoutMs?: number;
  /** Pause before a server that went away is dialled again, in ms; it grows to 5000. @default 200 */
  readonly reconnectBackoffMs?: number;
}

/** Connection options with their defaults, and what grpc-js makes a channel of. */
export interface ResolvedConnectOptions {
  readonly connectTimeoutMs: number;
  readonly timeoutMs: number;
  readonly signal: AbortSignal | undefined;
  readonly retry: Required<RetryPolicy>;
  readonly metadata: Readonly<Record<string, string | Uint8Array>>;
  readonly messageBytesMax: number;
  readonly credentials: grpc.ChannelCredentials;
  readonly channel: grpc.ChannelOptions;
}

/** Checks `options` and fills in the defaults; reads the PEM files. */
export async function resolveConnectOptions(
  address: Address,
  options: ConnectOptions = {},
): Promise<ResolvedConnectOptions> {
  const {
    metadata = {},
    bearerToken,
    signal,
    tls = {},
    retry = { maxAttempts: 1 },
  } = requiredObject("options", options);
  requiredObject("tls", tls);
  requireSignal(signal);
  requireMetadata(metadata);
  if (bearerToken !== undefined) requireToken(bearerToken);
  const bytesMax = integerOption(
    "messageBytesMax",
    options.messageBytesMax,
    messageBytesMax,
    1,
    2 ** 31 - 1,
  );
  return {
    connectTimeoutMs: timeOption(
      "connectTimeoutMs",
      options.connectTimeoutMs,
      connectTimeoutMs,
    ),
    timeoutMs: timeOption("timeoutMs", options.timeoutMs, callTimeoutMs),
    signal,
    retry: resolveRetryPolicy(retry),
    metadata: bearerToken === undefined
      ? metadata
      : { ...metadata, authorization: `Bearer ${bearerToken}` },
    messageBytesMax: bytesMax,
    credentials: await credentialsFor(address, tls),
    channel: {
      "grpc.max_send_message_length": bytesMax,
      "grpc.max_receive_message_length": bytesMax,
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
      "grpc.initial_reconnect_backoff_ms": timeOption(
        "reconnectBackoffMs",
        options.reconnectBackoffMs,
        reconnectBackoffMs,
      ),
      "grpc.max_reconnect_backoff_ms": reconnectBackoffMsMax,
      // Retries are this package's own: two layers of them would multiply the attempts.
      "grpc.enable_retries": 0,
      // A proxy from the environment would see every record; connections are direct.
      "grpc.enable_http_proxy": 0,
      // Two clients of one address close independently of each other.
      "grpc.use_local_subchannel_pool": 1,
      ...(tls.serverName === undefined ? {} : {
        "grpc.ssl_target_name_override": tls.serverName,
        "grpc.default_authority": tls.serverName,
      }),
    },
  };
}

/** The token is a secret: an error tells its length alone. */
function requireToken(token: unknown): void {
  if (typeof token === "string" && /^[\x21-\x7e]+$/.test(token)) return;
  const found = typeof token === "string"
    ? `${token.length} characters`
    : typeof token;
  throw invalidArgument(
    "bearerToken",
    "must be visible ASCII characters",
    found,
  );
}

async function credentialsFor(
  address: Address,
  tls: ClientTlsOptions,
): Promise<grpc.ChannelCredentials> {
  if (!address.tls) {
    if (Object.keys(tls).length > 0) {
      throw invalidArgument(
        "tls",
        "goes with an https:// address",
        address.url,
      );
    }
    return grpc.credentials.createInsecure();
  }
  const ca = await pem("tls.ca", tls.ca, tls.caFile);
  const cert = await pem("tls.cert", tls.cert, tls.certFile);
  const key = await pem("tls.key", tls.key, tls.keyFile);
  if ((cert === undefined) !== (key === undefined)) {
    throw invalidArgument(
      "tls",
      '"cert" and "key" go together',
      cert === undefined ? "key alone" : "cert alone",
    );
  }
  if (ca !== undefined) requireCertificates("tls.ca", ca);
  if (cert !== undefined) requireKeyPair("tls", cert, key!);
  requireServerName(address, tls.serverName);
  return grpc.credentials.createSsl(
    bufferOf(ca),
    bufferOf(key),
    bufferOf(cert),
  );
}

/** The runtime does not dial TLS to an IP: what it would check the certificate against is a name. */
function requireServerName(address: Address, serverName: unknown): void {
  if (serverName !== undefined) {
    requiredString("tls.serverName", serverName);
  } else if (address.ip) {
    throw invalidArgument(
      "tls.serverName",
      `must name what the certificate of ${address.url} is for`,
      serverName,
    );
  }
}

function bufferOf(text: string | undefined): Buffer | null {
  return text === undefined ? null : Buffer.from(text);
}

/** PEM given as text or as the path of a file; undefined when neither is given. */
async function pem(
  name: string,
  text: string | undefined,
  file: string | undefined,
): Promise<string | undefined> {
  if (text !== undefined && file !== undefined) {
    throw invalidArgument(name, `give it or "${name}File", not both`, file);
  }
  if (text !== undefined) return requiredString(name, text);
  if (file === undefined) return undefined;
  requiredString(`${name}File`, file);
  try {
    return await Deno.readTextFile(file);
  } catch (cause) {
    throw new ConveyorError(
      Code.InvalidArgument,
      `Cannot read "${name}File" at "${file}": ${(cause as Error).message}`,
      {
        cause,
        details: [{
          field: `${name}File`,
          description: (cause as Error).message,
        }],
      },
    );
  }
}
