/**
 * Keeps the messages that come just before an error status.
 *
 * grpc-js drops every message that its reader has not taken when an error status
 * arrives, and Deno hands over trailers as they come in, ahead of the data before
 * them: of five messages and an error, a client often gets one. With this guard
 * grpc-js is given one message at a time, when it asks for one, and an error
 * status after the last: a slow reader loses nothing either. An OK status is not
 * held, as grpc-js itself keeps that one until everything is read. As with OK, a
 * call whose messages nobody reads does not see its status before they are read;
 * a deadline, a cancel and a lost connection end it at once.
 *
 * Unnecessary once grpc-js orders an error status after the messages before it;
 * the test of this file then passes unguarded.
 */
import type { Http2Stream, IncomingHttpHeaders } from "node:http2";
import { hookHttp2 } from "./http2_hooks.ts";

type Emit = (event: string | symbol, ...args: unknown[]) => boolean;

/** Guards every call that is made from now on; harmless when done before. */
export function installMessageOrderGuard(): void {
  hookHttp2("message order guard", {
    call: (stream, _, side) =>
      side === "client" ? keepOrder(stream) : undefined,
  });
}

function keepOrder(stream: Http2Stream): void {
  const emit: Emit = stream.emit.bind(stream);
  const endOfMessage = messageSplitter();
  /** Events that wait for the last message: an error status, then 'close'. */
  let held: Parameters<Emit>[] | undefined;
  let ended = false;

  const emitData = (data: Uint8Array): boolean => {
    let from = 0;
    // Once it has been emitted its buffer may be gone.
    const { length } = data;
    while (true) {
      const to = from + endOfMessage(data.subarray(from));
      const emitted = emit("data", data.subarray(from, to));
      if (to === length) return emitted;
      from = to;
      if (stream.isPaused()) {
        stream.unshift(data.subarray(from));
        return emitted;
      }
    }
  };
  // A turn later, because grpc-js passes a message on in the next tick and drops
  // it when the status is there first.
  const release = (): void => {
    setImmediate(() => {
      const events = held ?? [];
      held = undefined;
      for (const event of events) emit(...event);
    });
  };
  stream.emit = (event: string | symbol, ...args: unknown[]): boolean => {
    switch (event) {
      case "data":
        return emitData(args[0] as Uint8Array);
      case "trailers":
        if ((args[0] as IncomingHttpHeaders)["grpc-status"] === "0") break;
        held = [[event, ...args]];
        if (ended || stream.destroyed) release();
        return true;
      case "end":
        ended = true;
        if (held) release();
        break;
      case "close":
        if (!held) break;
        held.push([event, ...args]);
        // Destroyed before its end: what was not read by now is gone.
        if (!ended) release();
        return true;
    }
    return emit(event, ...args);
  };
  // grpc-js listens for data at once but takes messages only after it resumes.
  stream.pause();
}

/**
 * Follows the framing of gRPC (a flag, a length of four bytes, the message) over
 * chunks of any size: tells where in a chunk its first message ends, or the
 * length of the chunk when none does.
 */
function messageSplitter(): (chunk: Uint8Array) => number {
  let prefixBytes = 0;
  let length = 0;
  let missing = 0;
  return (chunk) => {
    let at = 0;
    while (at < chunk.length) {
      if (prefixBytes < 5) {
        // The flag comes first and is shifted out by the four bytes after it.
        length = ((length << 8) | chunk[at++]!) >>> 0;
        if (++prefixBytes === 5) missing = length;
      }
      if (prefixBytes === 5) {
        const taken = Math.min(missing, chunk.length - at);
        at += taken;
        missing -= taken;
        if (missing === 0) {
          prefixBytes = 0;
          return at;
        }
      }
    }
    return chunk.length;
  };
}
