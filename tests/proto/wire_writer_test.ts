import { assertEquals, assertLess, assertThrows } from "@std/assert";
import protobuf from "protobufjs";
import { InvariantViolation } from "../../lib/invariant.ts";
import { WireWriter } from "../../proto/wire_writer.ts";

Deno.test("uint64() writes a safe integer as it does the bigint", () => {
  for (
    const value of [0, 1, 2 ** 31, 2 ** 32, 2 ** 35, Number.MAX_SAFE_INTEGER]
  ) {
    assertEquals(
      new WireWriter().uint64(value).finish(),
      new WireWriter().uint64(BigInt(value)).finish(),
    );
  }
});

Deno.test("uint64() refuses what it would not write exactly", () => {
  for (const value of [-1, 1.5, 2 ** 53, NaN, -1n, 2n ** 64n]) {
    assertThrows(() => new WireWriter().uint64(value), InvariantViolation);
  }
});

Deno.test("fork() and ldelim() nest messages of every length", () => {
  for (const size of [0, 1, 120, 127, 128, 16_383, 16_384, 70_000]) {
    const content = new Uint8Array(size).fill(7);
    const bytes = new WireWriter(1).uint32(10).fork().uint32(18).fork()
      .raw(content).ldelim().uint32(5).ldelim().uint32(6).finish();
    const expected = protobuf.Writer.create().uint32(10).fork().uint32(18)
      .bytes(content).uint32(5).ldelim().uint32(6).finish();
    assertEquals(bytes, Uint8Array.from(expected));
  }
});

Deno.test("finish() and ldelim() refuse when forks are not balanced", () => {
  assertThrows(() => new WireWriter().fork().finish(), InvariantViolation);
  assertThrows(() => new WireWriter().ldelim(), InvariantViolation);
});

Deno.test("finish() stands in a buffer hardly larger than what it holds when one field is large", () => {
  const payload = new Uint8Array(1_000_000);
  const bytes = new WireWriter().uint32(10).fork().uint32(18).fork()
    .uint32(26).bytes(payload).ldelim().ldelim().finish();
  assertLess(bytes.buffer.byteLength, payload.length + 1_000);
});

Deno.test("WireWriter keeps what small messages have apart, also when one grows", () => {
  const messages = Array.from({ length: 200 }, (_, at) => ({
    writer: new WireWriter(),
    text: `${at}`.repeat(at % 90),
  }));
  for (const { writer, text } of messages) writer.string(text);
  for (const { writer, text } of messages.toReversed()) writer.string(text);
  for (const { writer, text } of messages) {
    const both = new WireWriter(1_024).string(text).string(text).finish();
    assertEquals(writer.finish(), both);
  }
});
