/**
 * ConveyorError to gRPC status and back, with metadata and details. The only place that knows how
 * this runtime words a lost connection.
 */
import { Buffer } from "node:buffer";
import {
  decodeStatusDetails,
  encodeStatusDetails,
} from "../../proto/status_details.ts";
import { type CallMetadata, Code, ConveyorError } from "../errors.ts";
import { grpc } from "./grpc.ts";
import { bytesOf } from "./message_stream.ts";

const detailsKey = "grpc-status-details-bin";

/**
 * Names that HTTP/2 forbids, or that say how the message itself travels: given by a user they break
 * the call, change its status, or are lost without a word.
 */
const reservedNames: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "transfer-encoding",
  "upgrade",
  "http2-settings",
  "host",
  "te",
  "content-type",
  "content-length",
  "accept-encoding",
  "user-agent",
  "grpc-timeout",
  "grpc-encoding",
  "grpc-accept-encoding",
  "grpc-status",
  "grpc-message",
]);

const reservedRule = "the name belongs to HTTP/2 or gRPC itself";

function isReserved(name: string): boolean {
  return name.includes(":") || reservedNames.has(name.toLowerCase());
}

/**
 * Deno reports a connection that was lost under a call as INTERNAL with the first of these texts,
 * where Node says UNAVAILABLE (seen with Deno 2.9.6); unnecessary once Deno passes the reset code on.
 * The second and third are grpc-js's for a connection whose socket failed, unless it was by a reset
 * or in time, or was written to after its peer had closed it; the fourth for one that its server ended
 * with an error, as it does with a client that gives up more calls than HTTP/2 servers bear; the last
 * for a call that was begun on a connection to which the server had just said goodbye.
 */
const lostConnection: readonly RegExp[] = [
  /^Received RST_STREAM with code 0\b/,
  /internal client error: .*\b(EPIPE|ECONN\w+|ENOTCONN|ESHUTDOWN|EHOST\w+|ENET\w+)\b/,
  /internal client error: This socket has been ended by the other party/,
  /internal client error: Session closed with error code \d/,
  /^Failed to start HTTP\/2 stream with error .*(GOAWAY|session)/i,
];

/** What grpc-js says of a connection that cannot be made. Behind the reason stand the time, and an empty note. */
const unconnected =
  /^No connection established\. Last error: (?:Error: )?(.*?)(?: \(\d{4}-[^)]*\))?\. Resolution note: /s;

/** What grpc-js knows of a call that failed. */
export interface FailedCall {
  readonly code: number;
  readonly details: string;
  readonly metadata: grpc.Metadata;
}

/** The error that a client throws for a status other than OK. */
export function errorFromStatus(
  path: string,
  status: FailedCall,
): ConveyorError {
  const lost = status.code === grpc.status.INTERNAL &&
    lostConnection.some((text) => text.test(status.details));
  const code = lost ? Code.Unavailable : knownCode(status.code);
  const unreachable = unconnected.exec(status.details)?.[1];
  const text = lost
    ? "the connection was lost"
    : unreachable !== undefined
    ? `no connection: ${unreachable}`
    : status.details || "no reason given";
  const metadata = metadataFromGrpc(status.metadata);
  const trailer = metadata[detailsKey]?.[0];
  return new ConveyorError(code, `Cannot call "${path}": ${text}`, {
    metadata,
    details: trailer instanceof Uint8Array ? decodeStatusDetails(trailer) : [],
  });
}

function knownCode(code: number): Code {
  return Code[code] === undefined ? Code.Unknown : code as Code;
}

/**
 * The status that a server answers. What is not a ConveyorError leaves as "Internal error": its
 * text may hold what a caller must not see.
 */
export function statusFromError(thrown: unknown): Partial<grpc.StatusObject> {
  if (!(thrown instanceof ConveyorError)) {
    return { code: grpc.status.INTERNAL, details: "Internal error" };
  }
  const metadata = sendableMetadata(thrown.metadata);
  if (thrown.details.length > 0) {
    const trailer = encodeStatusDetails(
      thrown.code,
      thrown.message,
      thrown.details,
    );
    metadata.set(detailsKey, Buffer.from(trailer));
  }
  return {
    code: knownCode(thrown.code) as number,
    details: thrown.message,
    metadata,
  };
}

/** An error that cannot take all of its metadata along is still told. */
function sendableMetadata(metadata: CallMetadata): grpc.Metadata {
  try {
    const own = Object.entries(metadata).filter(([name]) => !isReserved(name));
    return metadataToGrpc(Object.fromEntries(own));
  } catch {
    return new grpc.Metadata();
  }
}

/** Metadata as this package shows it. */
export function metadataFromGrpc(metadata: grpc.Metadata): CallMetadata {
  const entries: Record<string, (string | Uint8Array)[]> = {};
  for (const key of Object.keys(metadata.getMap())) {
    entries[key] = metadata.get(key).map((value) =>
      typeof value === "string" ? value : bytesOf(value)
    );
  }
  return entries;
}

/** Metadata as grpc-js sends it. A name or value that HTTP/2 cannot carry is InvalidArgument. */
export function metadataToGrpc(
  entries: Readonly<
    Record<string, string | Uint8Array | readonly (string | Uint8Array)[]>
  >,
): grpc.Metadata {
  const metadata = new grpc.Metadata();
  for (const [key, values] of Object.entries(entries)) {
    if (isReserved(key)) {
      throw new ConveyorError(
        Code.InvalidArgument,
        `Cannot send metadata "${key}": ${reservedRule}`,
        { details: [{ field: `metadata.${key}`, description: reservedRule }] },
      );
    }
    for (const value of Array.isArray(values) ? values : [values]) {
      try {
        metadata.add(
          key,
          typeof value === "string" ? value : Buffer.from(value),
        );
      } catch (cause) {
        throw new ConveyorError(
          Code.InvalidArgument,
          `Cannot send metadata "${key}": ${(cause as Error).message}`,
          {
            cause,
            details: [{
              field: `metadata.${key}`,
              description: (cause as Error).message,
            }],
          },
        );
      }
    }
  }
  return metadata;
}
