/**
 * Keeps a deadline that is far away from ending its call at once. The server of grpc-js 1.14.7 counts a
 * grpc-timeout in ms with 32 bits, of more than 24 days: what is longer comes out negative, or as a
 * time that no timer can wait, and the call has failed before it began. Here the longest time that a
 * timer can wait takes its place.
 *
 * Unnecessary once a release of grpc-js waits for as long as it is told to; the test of this file then
 * passes without it.
 */
import type { IncomingHttpHeaders } from "node:http2";
import { timeoutMsMax } from "../limits.ts";
import { hookHttp2 } from "./http2_hooks.ts";

const name = "grpc-timeout";
const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
};

/** Bounds the deadlines of all calls that servers get from now on; harmless when done before. */
export function installHttp2Deadlines(): void {
  hookHttp2("deadlines", {
    // All listeners are given the same object.
    call: (_, headers, side) => side === "server" ? bound(headers) : undefined,
  });
}

function bound(headers: IncomingHttpHeaders): void {
  const timeout = String(headers[name] ?? "");
  const ms = Number(timeout.slice(0, -1)) * (unitMs[timeout.slice(-1)] ?? 0);
  if (ms > timeoutMsMax) headers[name] = `${timeoutMsMax / 1_000}S`;
}
