import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import protobuf from "protobufjs";
import { seededRandom } from "../../lib/random.ts";
import { WireError, type WireErrorKind, WireReader } from "../../proto/wire.ts";
import { varintSize, WireWriter } from "../../proto/wire_writer.ts";

function reader(...bytes: number[]): WireReader {
  return new WireReader(Uint8Array.from(bytes));
}

function assertRefused(
  read: () => unknown,
  kind: WireErrorKind,
  offset: number,
): void {
  const error = assertThrows(read);
  assertInstanceOf(error, WireError);
  assertEquals([error.kind, error.offset], [kind, offset]);
}

const numbers32 = [
  0,
  1,
  127,
  128,
  16_383,
  16_384,
  2 ** 21,
  2 ** 28,
  2 ** 32 - 1,
];
const numbers64 = [
  ...numbers32.map(BigInt),
  2n ** 32n,
  2n ** 35n - 1n,
  2n ** 35n,
  2n ** 53n + 1n,
  2n ** 63n,
  2n ** 64n - 1n,
];

Deno.test("uint32() reads what protobufjs and WireWriter wrote", () => {
  for (const value of numbers32) {
    const bytes = new WireWriter().uint32(value).finish();
    assertEquals(
      bytes,
      Uint8Array.from(protobuf.Writer.create().uint32(value).finish()),
    );
    assertEquals(bytes.length, varintSize(value));
    assertEquals(new WireReader(bytes).uint32(), value);
  }
});

Deno.test("uint32() drops the bits over 32", () => {
  const bytes = new WireWriter().uint64(2n ** 40n + 7n).finish();
  assertEquals(new WireReader(bytes).uint32(), 7);
});

Deno.test("uint64() is exact over its whole range", () => {
  for (const value of numbers64) {
    const bytes = new WireWriter().uint64(value).finish();
    assertEquals(new WireReader(bytes).uint64(), value);
    assertEquals(BigInt(new protobuf.Reader(bytes).uint64().toString()), value);
  }
});

Deno.test("int32() and int64() write negative values as 10 bytes", () => {
  for (const value of [-1, -(2 ** 31), 0, 2 ** 31 - 1]) {
    const bytes = new WireWriter().int32(value).int64(value).finish();
    if (value < 0) assertEquals(bytes.length, 20);
    const back = new WireReader(bytes);
    assertEquals(back.int32(), value);
    assertEquals(back.int64(), BigInt(value));
  }
});

Deno.test("int64() reads both ends of its range", () => {
  for (const value of [-(2n ** 63n), 2n ** 63n - 1n]) {
    assertEquals(
      new WireReader(new WireWriter().int64(value).finish()).int64(),
      value,
    );
  }
});

Deno.test("bool() is true for any bit of 64", () => {
  assertEquals(reader(0x80, 0x80, 0x80, 0x80, 0x80, 0x01).bool(), true);
  assertEquals(reader(0x80, 0x00).bool(), false);
});

Deno.test("float(), double() and fixed read what was written", () => {
  const bytes = new WireWriter().float(1.5).double(Math.PI)
    .fixed32(2 ** 32 - 1).fixed64(2n ** 64n - 1n).finish();
  const back = new WireReader(bytes);
  assertEquals(back.float(), 1.5);
  assertEquals(back.double(), Math.PI);
  assertEquals(back.fixed32(), 2 ** 32 - 1);
  assertEquals(back.fixed64(), 2n ** 64n - 1n);
  assertEquals(back.pos, bytes.length);
});

Deno.test("string() keeps every character, the byte order mark included", () => {
  for (
    const value of [
      "",
      "a",
      "\ufeffé€😀",
      "x".repeat(16),
      "ü".repeat(100),
      "€".repeat(2000),
    ]
  ) {
    const bytes = new WireWriter().string(value).finish();
    assertEquals(
      bytes,
      Uint8Array.from(protobuf.Writer.create().string(value).finish()),
    );
    assertEquals(new WireReader(bytes).string(), value);
  }
});

Deno.test("string() refuses what is not UTF-8", () => {
  assertRefused(() => reader(2, 0xc3, 0x28).string(), "invalid_utf8", 1);
  assertRefused(() => reader(3, 0xed, 0xa0, 0x80).string(), "invalid_utf8", 1);
});

Deno.test("bytes() is a view of the buffer", () => {
  const source = reader(2, 7, 8, 9);
  const bytes = source.bytes();
  assertEquals([...bytes], [7, 8]);
  assertEquals(bytes.buffer, source.buf.buffer);
});

Deno.test("tag() reads numbers up to 2^29 - 1", () => {
  for (const number of [1, 15, 16, 2047, 2048, 2 ** 29 - 1]) {
    const tag = (number << 3 | 2) >>> 0;
    const bytes = new WireWriter().uint32(tag).finish();
    assertEquals(new WireReader(bytes).tag(), tag);
  }
});

Deno.test("tag() refuses field number 0, and numbers over the largest", () => {
  assertRefused(() => reader(0x02).tag(), "bad_field_number", 0);
  assertRefused(() => reader(0x82, 0x00).tag(), "bad_field_number", 0);
  assertRefused(
    () => reader(0xff, 0xff, 0xff, 0xff, 0x1f).tag(),
    "bad_field_number",
    0,
  );
  assertRefused(
    () => reader(0x8a, 0x80, 0x80, 0x80, 0x80, 0).tag(),
    "varint_too_long",
    0,
  );
});

Deno.test("varint() refuses one that ends early or is too long", () => {
  assertRefused(() => reader().varint(), "truncated_varint", 0);
  assertRefused(() => reader(0x80, 0x80).varint(), "truncated_varint", 0);
  const long = Array.from({ length: 11 }, () => 0x80);
  assertRefused(() => reader(...long, 1).varint(), "varint_too_long", 0);
  assertRefused(
    () => reader(...long.slice(2), 2).varint(),
    "varint_too_long",
    0,
  );
});

Deno.test("delimited() refuses a length past the end or over 2 GiB", () => {
  assertRefused(() => reader(3, 1, 2).delimited(), "length_past_end", 0);
  const huge = [0x80, 0x80, 0x80, 0x80, 0x08];
  assertRefused(() => reader(...huge).delimited(), "length_over_2_gib", 0);
  const largest = [0xff, 0xff, 0xff, 0xff, 0x07];
  assertRefused(() => reader(...largest).delimited(), "length_past_end", 0);
  assertRefused(
    () => reader(0x81, 0x80, 0x80, 0x80, 0x80, 0).delimited(),
    "varint_too_long",
    0,
  );
});

Deno.test("delimited() keeps to the end of the message being read", () => {
  const source = new WireReader(Uint8Array.of(0, 2, 9, 9, 9), 1, 3);
  assertRefused(() => source.delimited(), "length_past_end", 1);
});

Deno.test("fixed values are refused when cut short", () => {
  assertRefused(() => reader(1, 2, 3).float(), "length_past_end", 0);
  assertRefused(
    () => reader(1, 2, 3, 4, 5, 6, 7).double(),
    "length_past_end",
    0,
  );
});

Deno.test("skip() passes over each wire type and refuses the others", () => {
  const cases: [number, number[]][] = [
    [0, [0xff, 0x01]],
    [1, [1, 2, 3, 4, 5, 6, 7, 8]],
    [2, [3, 1, 2, 3]],
    [5, [1, 2, 3, 4]],
  ];
  for (const [wireType, bytes] of cases) {
    const source = reader(...bytes, 99);
    source.skip(wireType, 1);
    assertEquals(source.pos, bytes.length);
  }
  assertRefused(() => reader(1).skip(3, 1), "group", 0);
  assertRefused(() => reader(1).skip(4, 1), "group", 0);
  assertRefused(() => reader(1).skip(6, 1), "bad_wire_type", 0);
  assertRefused(() => reader(1).skip(7, 1), "bad_wire_type", 0);
  assertRefused(() => reader(1).skip(0, 0), "bad_field_number", 0);
});

Deno.test("WireReader answers random bytes with values or WireError only", () => {
  const random = seededRandom(7);
  const reads: ((source: WireReader) => unknown)[] = [
    (source) => source.tag(),
    (source) => source.uint64(),
    (source) => source.string(),
    (source) => source.bytes(),
    (source) => source.double(),
    (source) => source.skip(Math.floor(random() * 8), 1),
  ];
  for (let i = 0; i < 20_000; i++) {
    const bytes = Uint8Array.from(
      { length: Math.floor(random() * 24) },
      () => random() * 256,
    );
    const source = new WireReader(bytes);
    try {
      while (source.pos < source.end) {
        const before = source.pos;
        reads[Math.floor(random() * reads.length)]!(source);
        if (source.pos <= before || source.pos > bytes.length) {
          throw new Error(`stands at ${source.pos} of ${bytes.length}`);
        }
      }
    } catch (error) {
      assertInstanceOf(error, WireError);
    }
  }
});
