/**
 * Gives the memory of large buffers back when they have been used.
 *
 * A buffer lives outside the heap, and the collector frees it at a full collection, if it lived for more
 * than a moment. A record of a router passes through a dozen buffers: without this their sheer number
 * calls for a full collection six times a second under load, for a third of all CPU time, and memory
 * follows what garbage there happened to be at the worst moment.
 */
import { releasedBytesMin } from "../limits.ts";

/** What gRPC puts before a message: a flag and its length. A view of all that follows still owns the buffer. */
const prefixBytes = 5;

/**
 * Frees what is under `bytes` at once, for the caller who knows that nobody reads it any more: whoever
 * does finds it empty, or has a TypeError. Small buffers, and parts of larger ones, are left to the
 * collector: they may be in a pool with others, or what lies behind them may be yet to be read.
 */
export function releaseBytes(bytes: Uint8Array): void {
  const { byteOffset, byteLength } = bytes;
  const buffer = bytes.buffer as ArrayBuffer;
  const size = buffer.byteLength;
  if (
    size < releasedBytesMin || byteOffset > prefixBytes ||
    byteOffset + byteLength !== size
  ) return;
  // Detaches the buffer: a new one, of no bytes, takes its place.
  buffer.transfer(0);
}
