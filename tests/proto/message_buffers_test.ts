import { assertEquals, assertNotStrictEquals } from "@std/assert";
import {
  messageBufferBytesKept,
  messageBufferBytesMax,
} from "../../lib/limits.ts";
import { MessageBuffers } from "../../proto/message_buffers.ts";

Deno.test("MessageBuffers gives a buffer that was given back for a message of its size", () => {
  const buffers = new MessageBuffers();
  const first = buffers.take(5_000);
  assertEquals(first.length, 5_000);
  buffers.give(first);
  const next = buffers.take(8_192);
  assertEquals([next.buffer === first.buffer, next.length], [true, 8_192]);
  assertNotStrictEquals(buffers.take(8_192).buffer, first.buffer);
});

Deno.test("MessageBuffers gives none for a message of another size", () => {
  const buffers = new MessageBuffers();
  const first = buffers.take(5_000);
  buffers.give(first);
  for (const size of [0, 10, 4_096, 8_193, 100_000]) {
    const other = buffers.take(size);
    assertEquals(
      [other.length, other.buffer === first.buffer],
      [size, false],
    );
  }
});

Deno.test("MessageBuffers keeps no small or huge buffer, and no more than its bound", () => {
  const buffers = new MessageBuffers();
  for (const size of [100, messageBufferBytesMax + 1]) {
    const one = buffers.take(size);
    buffers.give(one);
    assertNotStrictEquals(buffers.take(size).buffer, one.buffer);
  }
  const count = messageBufferBytesKept / messageBufferBytesMax + 1;
  const taken = Array.from(
    { length: count },
    () => buffers.take(messageBufferBytesMax),
  );
  for (const one of taken) buffers.give(one);
  const known = new Set(taken.map(({ buffer }) => buffer));
  const again = taken.map(() => buffers.take(messageBufferBytesMax).buffer);
  assertEquals(again.filter((buffer) => known.has(buffer)).length, count - 1);
});
