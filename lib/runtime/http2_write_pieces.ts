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
import { streamPieceBytes } from "../limits.ts";
import { hookHttp2 } from "./http2_hooks.ts";

/** What is replaced in a stream. */
interface WrittenStream {
  write(...args: unknown[]): boolean;
  /** Where it has one, it is called with all that waits to be written. */
  _writev?: unknown;
}

/** Cuts what is written in every call that is made from now on; harmless when done before. */
export function installHttp2WritePieces(): void {
  hookHttp2("write pieces", {
    call: (stream) => writeInPieces(stream as unknown as WrittenStream),
  });
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
