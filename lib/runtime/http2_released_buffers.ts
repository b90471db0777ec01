/**
 * Releases the buffers through which the messages of a call pass, each as soon as the next one has its
 * bytes: what a socket has read, the chunks of a stream, a framed message that was sent, what went to the
 * socket. All of these are made by the runtime or by grpc-js; what somebody else may have seen is left to
 * the collector.
 *
 * Unnecessary once the runtime frees them by itself; the CPU time and the memory of a router are then
 * the same without it (`deno task bench:flow`).
 */
import { Buffer } from "node:buffer";
import { Socket } from "node:net";
import type { Duplex } from "node:stream";
import { StreamDecoder } from "@grpc/grpc-js/build/src/stream-decoder.js";
import { releasedBytesMin } from "../limits.ts";
import { isFrame, watchFrames } from "./grpc_frames.ts";
import { hookHttp2 } from "./http2_hooks.ts";
import { releaseBytes } from "./release_bytes.ts";

const held = Symbol("held chunks");
/** Marks the decoder of grpc-js as releasing, for every copy of this package in the process. */
const installed = Symbol.for("@conveyor/grpc released chunks");

/** What is replaced in a stream, whatever the overloads. */
interface Stream {
  emit(...args: unknown[]): boolean;
  listenerCount(event: string): number;
  write(...args: unknown[]): boolean;
}

/** What grpc-js cuts the chunks of a stream into messages with. */
interface Decoder {
  /** 0 between two messages. */
  readonly readState: number;
  write(chunk: Uint8Array): Uint8Array[];
  /** The chunks of the message whose end it has not seen. */
  [held]?: Uint8Array[];
  [installed]?: true;
}

type Written = (error?: Error | null) => void;

/** Releases the buffers of every call that is made from now on; harmless when done before. */
export function installHttp2ReleasedBuffers(): void {
  hookHttp2("released buffers", {
    connection: (socket: Duplex) => {
      // Another kind of stream may hand over what it is given, or keep it.
      if (!(socket instanceof Socket)) return;
      const stream = socket as unknown as Stream;
      releaseRead(stream);
      releaseWritten(stream, isOfSession);
    },
    call: (stream) => releaseWritten(stream as unknown as Stream, isFrame),
  });
  watchFrames();
  releaseDecoded(StreamDecoder.prototype as unknown as Decoder);
}

/** The HTTP/2 session copies what it is given before it returns. Whoever else listens may keep it. */
function releaseRead(socket: Stream): void {
  const emit = socket.emit;
  socket.emit = (event, ...args) => {
    const alone = event === "data" && socket.listenerCount(event) === 1;
    const emitted = emit.call(socket, event, ...args);
    if (alone) releaseBytes(args[0] as Uint8Array);
    return emitted;
  };
}

function isLarge(bytes: unknown): bytes is Uint8Array {
  return bytes instanceof Uint8Array && bytes.length >= releasedBytesMin;
}

/** The session writes plain bytes, as nobody else does: Node's own are of this kind. */
function isOfSession(bytes: Uint8Array): boolean {
  return !Buffer.isBuffer(bytes);
}

/** Whoever writes what `isOwn` says has made it for this stream. */
function releaseWritten(
  stream: Stream,
  isOwn: (bytes: Uint8Array) => boolean,
): void {
  const write = stream.write;
  stream.write = (...args) => {
    const [bytes] = args;
    if (!isLarge(bytes) || !isOwn(bytes)) return write.apply(stream, args);
    const told = args.findLast((arg) => typeof arg === "function") as
      | Written
      | undefined;
    return write.call(stream, bytes, (error?: Error | null) => {
      // What was not written may be looked at by whoever finds out why.
      if (!error) releaseBytes(bytes);
      told?.(error);
    });
  };
}

/** A message that is complete has been copied out of its chunks. */
function releaseDecoded(decoder: Decoder): void {
  if (decoder[installed]) return;
  decoder[installed] = true;
  const write = decoder.write;
  decoder.write = function (this: Decoder, chunk) {
    const messages = write.call(this, chunk);
    const chunks = this[held] ??= [];
    if (messages.length > 0) {
      for (const chunk of chunks) releaseBytes(chunk);
      chunks.length = 0;
    }
    if (this.readState === 0) releaseBytes(chunk);
    else chunks.push(chunk);
    return messages;
  };
}
