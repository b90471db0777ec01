import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { FieldReader } from "../../proto/field_reader.ts";
import { cachedText, RepeatedText } from "../../proto/text_cache.ts";
import { WireError } from "../../proto/wire.ts";
import { WireWriter } from "../../proto/wire_writer.ts";

const encoder = new TextEncoder();

function cached(text: string): string {
  const bytes = encoder.encode(`<${text}>`);
  return cachedText(bytes, 1, bytes.length - 1);
}

Deno.test("cachedText() reads every text, however many there are", () => {
  // Five times as many texts as slots, twice: each slot changes hands.
  for (let round = 0; round < 2; round++) {
    for (let i = 0; i < 10_000; i++) {
      assertEquals(cached(`source-${i}`), `source-${i}`);
    }
  }
});

Deno.test("cachedText() reads empty and long texts", () => {
  for (
    const text of ["", "x".repeat(128), "x".repeat(129), "ключ".repeat(99)]
  ) {
    assertEquals(cached(text), text);
  }
});

Deno.test("cachedText() does not take a text for its beginning", () => {
  for (let i = 0; i < 20_000; i++) {
    assertEquals(cached("ab"), "ab");
    assertEquals(cached(`ab${i}`), `ab${i}`);
  }
});

Deno.test("cachedText() does not keep the buffer it read from", () => {
  const bytes = new Uint8Array(12);
  for (let i = 10_000; i < 30_000; i++) {
    const { written } = encoder.encodeInto(`north-${i}`, bytes);
    assertEquals(cachedText(bytes, 0, written), `north-${i}`);
  }
});

Deno.test("cachedText() refuses what is not UTF-8, with its offset", () => {
  const error = assertThrows(() => cachedText(Uint8Array.of(65, 0xff), 1, 2));
  assertInstanceOf(error, WireError);
  assertEquals([error.kind, error.offset], ["invalid_utf8", 1]);
});

Deno.test("RepeatedText reads each text as it is, repeated or not", () => {
  const texts = [
    "",
    "a",
    "a",
    "b",
    "ab",
    "ab",
    "abcdefgh",
    "abcdefgX",
    "",
    "a",
  ];
  const writer = new WireWriter();
  for (const text of texts) writer.uint32(0x0a).string(text);
  const reader = new FieldReader(writer.finish());
  const repeated = new RepeatedText();
  const read = texts.map(() => {
    reader.field();
    const { pos, valueEnd } = reader;
    reader.pos = valueEnd;
    return repeated.read(reader, pos, valueEnd);
  });
  assertEquals(read, texts);
});

Deno.test("RepeatedText does not take one buffer's text for another's", () => {
  const repeated = new RepeatedText();
  for (const text of ["north", "south"]) {
    const bytes = new WireWriter().uint32(0x0a).string(text).finish();
    const reader = new FieldReader(bytes);
    repeated.reset();
    reader.field();
    assertEquals(repeated.read(reader, reader.pos, reader.valueEnd), text);
  }
});
