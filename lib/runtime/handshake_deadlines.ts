/**
 * Ends a connection whose peer does not speak. grpc-js 1.14.7 waits for the first word of a server for as
 * long as the connection lasts, also when its channel was closed meanwhile: each attempt at a process that
 * hangs, or at a port of something else, kept its connection for ever.
 *
 * Unnecessary once a release of grpc-js ends the attempts of a channel that is closed; the test of this
 * file then passes without it.
 */
import http2 from "node:http2";
import tls from "node:tls";
import { handshakeTimeoutMs } from "../limits.ts";

/** Marks a module as impatient, for every copy of this package in the process. */
const installed = Symbol.for("@conveyor/grpc handshake deadlines");

/** What is replaced in a module, whatever the overloads. */
interface Dialling {
  [installed]?: true;
  connect(...args: unknown[]): Opening;
}

/** A connection that is not open yet. */
interface Opening {
  once(event: string, listener: () => void): unknown;
  destroy(error: Error): void;
}

/** Bounds all handshakes of clients from now on; harmless when done before. */
export function installHandshakeDeadlines(
  ms: number = handshakeTimeoutMs,
): void {
  bound(http2 as unknown as Dialling, "remoteSettings", ms);
  bound(tls as unknown as Dialling, "secureConnect", ms);
}

/** `spoken` is the event of a connection whose peer has answered. */
function bound(target: Dialling, spoken: string, ms: number): void {
  if (target[installed]) return;
  target[installed] = true;
  const connect = target.connect;
  target.connect = (...args) => {
    const opening = connect.apply(target, args);
    const timer = setTimeout(
      () =>
        opening.destroy(new Error(`no answer to the handshake in ${ms} ms`)),
      ms,
    );
    // What waits for it says so itself.
    Deno.unrefTimer(timer);
    for (const event of [spoken, "close"]) {
      opening.once(event, () => clearTimeout(timer));
    }
    return opening;
  };
}
