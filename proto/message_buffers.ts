/**
 * Buffers of messages, to be written again. A buffer for a batch is zeroed when it is made and unmapped
 * when it is collected: that costs more than to copy the records of the batch into it. What is kept is
 * bounded; beyond the bound buffers are made and collected as ever.
 */
import {
  messageBufferBytesKept,
  messageBufferBytesMax,
} from "../lib/limits.ts";

/** Smaller messages are not worth the search. */
const bytesMin = 4_096;

/** The buffers of one flow. */
export class MessageBuffers {
  /** By the exponent of their size, a power of two. */
  readonly #kept: Uint8Array[][] = Array.from({ length: 32 }, () => []);
  #bytes = 0;

  /** Room for a message of so many bytes; what is in it is stale. */
  take(size: number): Uint8Array {
    if (size < bytesMin || size > messageBufferBytesMax) {
      return new Uint8Array(size);
    }
    const exponent = 32 - Math.clz32(size - 1);
    const kept = this.#kept[exponent]!.pop();
    if (kept !== undefined) this.#bytes -= kept.length;
    return (kept ?? new Uint8Array(2 ** exponent)).subarray(0, size);
  }

  /** Takes back what it gave: nobody reads the message any more. */
  give(message: Uint8Array): void {
    const { byteLength } = message.buffer;
    const isTaken = byteLength >= bytesMin &&
      byteLength <= messageBufferBytesMax &&
      (byteLength & byteLength - 1) === 0;
    if (!isTaken || this.#bytes + byteLength > messageBufferBytesKept) return;
    this.#bytes += byteLength;
    this.#kept[31 - Math.clz32(byteLength)]!.push(
      new Uint8Array(message.buffer as ArrayBuffer),
    );
  }
}
