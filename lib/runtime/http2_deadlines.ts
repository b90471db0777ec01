/**
 * Keeps a deadline that is far away from ending its call at once. The server of grpc-js 1.14.7 counts a
 * grpc-timeout in ms with 32 bits, of more than 24 days: what is longer comes out negative, or as a
 * time that no timer can wait, and the call has failed before it began. Here the longest time that a
 * timer can wait takes its place.
 *
 * Unnecessary once a release of grpc-js waits for as long as it is told to; the test of this file then
 * passes without it.
 */
import http2 from "node:http2";
import type { Http2Server, IncomingHttpHeaders } from "node:http2";
import { timeoutMsMax } from "../limits.ts";

/** Marks node:http2 as patient, for every copy of this package in the process. */
const installed = Symbol.for("@conveyor/grpc http2 deadlines");

/** What is replaced in node:http2, whatever the overloads. */
interface PatientHttp2 {
  [installed]?: true;
  createServer(...args: unknown[]): Http2Server;
  createSecureServer(...args: unknown[]): Http2Server;
}

const name = "grpc-timeout";
const unitMs: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
};

/** Bounds the deadlines of all calls that servers get from now on; harmless when done before. */
export function installHttp2Deadlines(): void {
  const target = http2 as unknown as PatientHttp2;
  if (target[installed]) return;
  target[installed] = true;

  for (const method of ["createServer", "createSecureServer"] as const) {
    const create = target[method];
    target[method] = (...args) =>
      create.apply(http2, args).prependListener(
        "stream",
        // All listeners are given the same object.
        (_, headers) => bound(headers),
      );
  }
}

function bound(headers: IncomingHttpHeaders): void {
  const timeout = String(headers[name] ?? "");
  const ms = Number(timeout.slice(0, -1)) * (unitMs[timeout.slice(-1)] ?? 0);
  if (ms > timeoutMsMax) headers[name] = `${timeoutMsMax / 1_000}S`;
}
