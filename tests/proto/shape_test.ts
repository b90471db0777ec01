import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { FieldReader } from "../../proto/field_reader.ts";
import {
  checkStringEntry,
  checkTimestamp,
  checkWatermark,
} from "../../proto/shape.ts";
import { WireError, type WireErrorKind } from "../../proto/wire.ts";
import { WireWriter } from "../../proto/wire_writer.ts";

type Check = (reader: FieldReader) => void;

/** Wraps `content` as a field and has it checked. */
function run(check: Check, content: Uint8Array): void {
  const bytes = new WireWriter().uint32(0x0a).bytes(content).uint32(99)
    .finish();
  const reader = new FieldReader(bytes);
  reader.field();
  check(reader);
  assertEquals(reader.pos, bytes.length - 1);
  assertEquals(reader.end, bytes.length);
}

function assertRefused(
  check: Check,
  content: readonly number[],
  kind: WireErrorKind,
): void {
  const error = assertThrows(() => run(check, Uint8Array.from(content)));
  assertInstanceOf(error, WireError);
  assertEquals(error.kind, kind);
}

function text(tag: number, value: string): WireWriter {
  return new WireWriter().uint32(tag).string(value);
}

Deno.test("checkStringEntry() accepts entries in every layout", () => {
  run(checkStringEntry, new Uint8Array(0));
  const contents = [
    text(0x0a, "key").uint32(0x12).string("value"),
    text(0x0a, "key").uint32(0x12).string(""),
    text(0x0a, "").uint32(0x12).string("value"),
    text(0x0a, "key"),
    text(0x12, "value").uint32(0x0a).string("key"),
    text(0x0a, "ключ").uint32(0x12).string("x".repeat(300)),
    text(0x0a, "a").uint32(0x12).string("b").uint32(0x12).string("c"),
    text(0x0a, "a").uint32(0x12).string("b").uint32(0x18).uint32(1),
  ];
  for (const content of contents) run(checkStringEntry, content.finish());
});

Deno.test("checkStringEntry() refuses what other readers would refuse", () => {
  assertRefused(checkStringEntry, [0x08, 1], "wrong_wire_type");
  assertRefused(checkStringEntry, [0x0a, 1, 65, 0x10, 1], "wrong_wire_type");
  assertRefused(checkStringEntry, [0x0a, 9, 65], "length_past_end");
  assertRefused(checkStringEntry, [0x0a, 1, 65, 0x12, 1], "length_past_end");
  assertRefused(checkStringEntry, [0x0a, 1, 0xff, 0x12, 0], "invalid_utf8");
  assertRefused(checkStringEntry, [0x12, 2, 0xc3, 0x28], "invalid_utf8");
  assertRefused(checkStringEntry, [0x1b, 0x1c], "group");
});

Deno.test("checkTimestamp() accepts every layout", () => {
  const contents = [
    new WireWriter(),
    new WireWriter().uint32(0x08).int64(1_760_000_000).uint32(0x10).int32(5),
    new WireWriter().uint32(0x10).int32(5).uint32(0x08).int64(-1),
    new WireWriter().uint32(0x08).int64(-1n),
    new WireWriter().uint32(0x10).int32(-5).uint32(0x18).uint32(5),
  ];
  for (const content of contents) run(checkTimestamp, content.finish());
});

Deno.test("checkTimestamp() refuses varints that are cut, and texts", () => {
  assertRefused(checkTimestamp, [0x08], "truncated_varint");
  assertRefused(checkTimestamp, [0x08, 1, 0x10, 0x80], "truncated_varint");
  assertRefused(
    checkTimestamp,
    [0x08, ...Array(11).fill(0x80), 1],
    "varint_too_long",
  );
  assertRefused(checkTimestamp, [0x0a, 0], "wrong_wire_type");
  assertRefused(checkTimestamp, [0x0d, 1, 2, 3, 4], "wrong_wire_type");
});

Deno.test("checkWatermark() checks the timestamp in it", () => {
  const good = text(0x0a, "orders").uint32(0x10).uint32(3).uint32(0x18)
    .uint64(2n ** 64n - 1n).uint32(0x22).fork().uint32(0x08).int64(1).ldelim();
  run(checkWatermark, good.finish());
  assertRefused(checkWatermark, [0x22, 2, 0x0a, 0], "wrong_wire_type");
  assertRefused(checkWatermark, [0x22, 2, 0x08, 0x80], "truncated_varint");
  assertRefused(checkWatermark, [0x0a, 1, 0xff], "invalid_utf8");
});
