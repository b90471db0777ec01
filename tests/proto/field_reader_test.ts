import {
  assert,
  assertEquals,
  assertFalse,
  assertInstanceOf,
  assertThrows,
} from "@std/assert";
import { FieldReader, shortVarintEnd } from "../../proto/field_reader.ts";
import { WireError, type WireErrorKind } from "../../proto/wire.ts";
import { WireWriter } from "../../proto/wire_writer.ts";

function reader(...bytes: number[]): FieldReader {
  return new FieldReader(Uint8Array.from(bytes));
}

function assertRefused(read: () => unknown, kind: WireErrorKind): void {
  const error = assertThrows(read);
  assertInstanceOf(error, WireError);
  assertEquals(error.kind, kind);
}

Deno.test("field() reads tag and length of every size", () => {
  for (const number of [1, 15, 16, 5000]) {
    for (const length of [0, 1, 127, 128, 16_383, 16_384, 2_100_000]) {
      const tag = number << 3 | 2;
      const bytes = new WireWriter().uint32(tag).bytes(new Uint8Array(length))
        .finish();
      const source = new FieldReader(bytes);
      assertEquals(source.field(), tag);
      assertEquals(source.valueEnd - source.pos, length);
      assertEquals(source.valueEnd, bytes.length);
    }
  }
});

Deno.test("field() stands before the value of a field that has no length", () => {
  const source = reader(0x08, 0x96, 0x01, 0x15, 1, 2, 3, 4);
  assertEquals(source.field(), 0x08);
  source.skipValue(0x08);
  assertEquals(source.pos, 3);
  assertEquals(source.field(), 0x15);
  source.skipValue(0x15);
  assertEquals(source.pos, 8);
});

Deno.test("field() refuses a value that reaches past the end", () => {
  for (const length of [1, 127, 128, 300, 20_000]) {
    const whole = new WireWriter().uint32(0x0a).bytes(new Uint8Array(length))
      .finish();
    const cut = new FieldReader(whole);
    cut.end = whole.length - 1;
    assertRefused(() => cut.field(), "length_past_end");
  }
  assertRefused(() => reader(0x0a, 0x80).field(), "truncated_varint");
  assertRefused(() => reader(0x0a).field(), "truncated_varint");
  assertRefused(() => reader().field(), "truncated_varint");
  assertRefused(() => reader(0x02, 0, 0, 0).field(), "bad_field_number");
});

Deno.test("skipValue() refuses groups and varints that are cut or too long", () => {
  assertRefused(() => reader(0, 0).skipValue(0x0b), "group");
  assertRefused(() => reader(0x80, 0x80).skipValue(0x08), "truncated_varint");
  const long = Array.from({ length: 12 }, () => 0x80);
  assertRefused(() => reader(...long).skipValue(0x08), "varint_too_long");
});

Deno.test("skipUnknown() refuses a known number of another wire type", () => {
  const source = reader(1);
  assertRefused(() => source.skipUnknown(0x20, 4, 0), "wrong_wire_type");
  source.skipUnknown(0x28, 4, 0);
  assertEquals(source.pos, 1);
});

Deno.test("next() finds each field with the tag", () => {
  const bytes = new WireWriter().uint32(0x12).string("one").uint32(0x08)
    .uint32(7).uint32(0x12).string("two").uint32(0x1a).string("x").finish();
  const source = new FieldReader(bytes);
  const found: string[] = [];
  while (source.next(0x12)) {
    const { pos, valueEnd } = source;
    found.push(new TextDecoder().decode(bytes.subarray(pos, valueEnd)));
    source.pos = valueEnd;
  }
  assertEquals(found, ["one", "two"]);
  assertEquals(source.pos, bytes.length);
});

Deno.test("skipText() passes over UTF-8 only", () => {
  const text = new FieldReader(
    new WireWriter().uint32(0x0a).string("ключ, 😀").finish(),
  );
  text.field();
  text.skipText();
  assertEquals(text.pos, text.end);
  const bad = reader(0x0a, 2, 0xc3, 0x28);
  bad.field();
  assertRefused(() => bad.skipText(), "invalid_utf8");
});

Deno.test("isAscii() sees a high byte at any place of any length", () => {
  for (let length = 1; length < 12; length++) {
    const bytes = new Uint8Array(length + 2).fill(0x7f);
    bytes[0] = bytes[length + 1] = 0xff;
    assert(new FieldReader(bytes).isAscii(1, length + 1));
    for (let i = 1; i <= length; i++) {
      const copy = bytes.slice();
      copy[i] = 0x80;
      assertFalse(new FieldReader(copy).isAscii(1, length + 1));
    }
  }
});

Deno.test("sameBytes() sees a difference at any place of any length", () => {
  for (let length = 0; length < 12; length++) {
    const bytes = new Uint8Array(2 * length);
    assert(new FieldReader(bytes).sameBytes(0, length, length));
    for (let i = 0; i < length; i++) {
      const copy = bytes.slice();
      copy[length + i] = 0x80;
      assertFalse(new FieldReader(copy).sameBytes(0, length, length));
    }
  }
});

Deno.test("reset() turns to a view inside of a larger buffer", () => {
  const buffer = Uint8Array.of(9, 9, 0x0a, 2, 65, 66, 9).buffer;
  const source = reader(1, 2, 3);
  source.reset(new Uint8Array(buffer, 2, 4));
  assertEquals(source.field(), 0x0a);
  assert(source.isAscii(source.pos, source.valueEnd));
  assertEquals(source.valueEnd, 4);
});

Deno.test("shortVarintEnd() is 0 when cut short or over 9 bytes", () => {
  const bytes = Uint8Array.from([...Array(9).fill(0x80), 1]);
  assertEquals(shortVarintEnd(bytes, 1, 10), 10);
  assertEquals(shortVarintEnd(bytes, 0, 10), 0);
  assertEquals(shortVarintEnd(bytes, 5, 9), 0);
});
