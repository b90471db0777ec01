/**
 * Keeps the copies of messages small that the runtime holds where its collector does not see them.
 *
 * What is written to an HTTP/2 stream is copied into a buffer of the stream that grows to the largest
 * write, and lives as long as the stream's object: until the next full collection. Young collections
 * do not free it, and no count of the runtime contains it, so that nothing hurries a full one: a router
 * that sends a few hundred requests of 256 KiB a second was seen to hold 300 MB of them. Here a large
 * message is written piece by piece, each when the one before it has gone to the connection, and what
 * is left behind is one piece. It costs no measurable CPU time.
 *
 * Unnecessary once the runtime frees the buffer of a stream that has ended; the memory of a router is
 * then as flat without it (`deno task bench:memory`).
 */
import http2 from "node:http2";
import type { ClientHttp2Session, Http2Server } from "node:http2";
import { streamPieceBytes } from "../limits.ts";

/** Marks node:http2 as writing pieces, for every copy of this package in the process. */
const installed = Symbol.for("@conveyor/grpc http2 write pieces");

/** What is replaced in node:http2, whatever the overloads. */
interface PiecewiseHttp2 {
  [installed]?: true;
  createServer(...args: unknown[]): Http2Server;
  createSecureServer(...args: unknown[]): Http2Server;
  connect(...args: unknown[]): ClientHttp2Session;
}

/** What is replaced in a client's session. */
interface Requests {
  request(...args: unknown[]): WrittenStream;
}

/** What is replaced in a stream. */
interface WrittenStream {
  write(...args: unknown[]): boolean;
  /** Where it has one, it is called with all that waits to be written. */
  _writev?: unknown;
}

/** Cuts what is written to every stream that is made from now on; harmless when done before. */
export function installHttp2WritePieces(): void {
  const target = http2 as unknown as PiecewiseHttp2;
  if (target[installed]) return;
  target[installed] = true;

  for (const name of ["createServer", "createSecureServer"] as const) {
    const create = target[name];
    target[name] = (...args) =>
      create.apply(http2, args).prependListener("stream", writeInPieces);
  }
  const connect = target.connect;
  target.connect = (...args) => {
    const session = connect.apply(http2, args);
    const requests = session as unknown as Requests;
    const request = requests.request;
    requests.request = (...args) => {
      const stream = request.apply(session, args);
      writeInPieces(stream);
      return stream;
    };
    return session;
  };
}

function writeInPieces(stream: WrittenStream): void {
  const write = stream.write;
  stream.write = (...args) => {
    const [message] = args;
    if (
      !(message instanceof Uint8Array) || message.length <= streamPieceBytes
    ) {
      return write.apply(stream, args);
    }
    const written = args.findLast((arg) => typeof arg === "function") as
      | ((error?: Error | null) => void)
      | undefined;
    // All pieces at once would be one large write again.
    stream._writev = null;
    let at = 0;
    for (; message.length - at > streamPieceBytes; at += streamPieceBytes) {
      write.call(stream, message.subarray(at, at + streamPieceBytes));
    }
    return write.call(stream, message.subarray(at), (error?: Error | null) => {
      delete stream._writev;
      written?.(error);
    });
  };
}
