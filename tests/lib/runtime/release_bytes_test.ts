import { assertEquals } from "@std/assert";
import { releasedBytesMin } from "../../../lib/limits.ts";
import { releaseBytes } from "../../../lib/runtime/release_bytes.ts";

/** What is left of a buffer, part of which is released. */
function left(bytes: number, start = 0, end = bytes): number {
  const whole = new Uint8Array(bytes);
  releaseBytes(whole.subarray(start, end));
  return whole.length;
}

Deno.test("releaseBytes() frees a buffer that is used as a whole, or without the prefix of a message", () => {
  assertEquals(left(releasedBytesMin), 0);
  assertEquals(left(1_000_000), 0);
  assertEquals(left(1_000_000, 5), 0);
});

Deno.test("releaseBytes() leaves parts of a buffer, and small ones", () => {
  assertEquals(left(releasedBytesMin - 1), releasedBytesMin - 1);
  assertEquals(left(1_000_000, 6), 1_000_000);
  assertEquals(left(1_000_000, 0, 999_990), 1_000_000);
  assertEquals(left(1_000_000, 0, 999_999), 1_000_000);
  assertEquals(left(1_000_000, 5, 999_999), 1_000_000);
  assertEquals(left(1_000_000, 0, 0), 1_000_000);
});

Deno.test("releaseBytes() is harmless when it was done before", () => {
  const bytes = new Uint8Array(releasedBytesMin);
  releaseBytes(bytes);
  releaseBytes(bytes);
  assertEquals(bytes.length, 0);
});
