import { assertEquals } from "@std/assert";
import { FieldReader } from "../../proto/field_reader.ts";
import { MetadataReader } from "../../proto/metadata_reader.ts";
import { WireWriter } from "../../proto/wire_writer.ts";

/** A record with these entries, the key or the value left out where undefined. */
function record(
  ...entries: (readonly [string | undefined, string | undefined])[]
): FieldReader {
  const writer = new WireWriter().uint32(0x12).string("order.created");
  for (const [key, value] of entries) {
    writer.uint32(0x2a).fork();
    if (value !== undefined) writer.uint32(0x12).string(value);
    writer.uint32(0x1a).string("unknown to a map entry");
    if (key !== undefined) writer.uint32(0x0a).string(key);
    writer.ldelim();
  }
  return new FieldReader(writer.uint32(0x22).bytes(new Uint8Array(9)).finish());
}

Deno.test("all() reads every entry; the later of equal keys counts", () => {
  const metadata = new MetadataReader().all(
    record(["a", "1"], ["ключ", "2"], ["a", "3"], [undefined, "4"], [
      "empty",
      undefined,
    ]),
  );
  assertEquals(
    [...metadata],
    [["a", "3"], ["ключ", "2"], ["", "4"], ["empty", ""]],
  );
});

Deno.test("value() finds the last value under the key", () => {
  const entries = [["ab", "1"], ["a", "2"], ["ключ", "3"], ["a", "4"]] as const;
  const reader = new MetadataReader();
  for (
    const [key, value] of [
      ["ab", "1"],
      ["a", "4"],
      ["ключ", "3"],
      ["b", undefined],
      ["", undefined],
    ] as const
  ) assertEquals(reader.value(record(...entries), key), value);
});

Deno.test("value() tells an empty value from none", () => {
  const reader = new MetadataReader();
  assertEquals(reader.value(record(["a", undefined]), "a"), "");
  assertEquals(reader.value(record([undefined, "x"]), ""), "x");
  assertEquals(reader.value(record(), "a"), undefined);
});

Deno.test("value() never matches a key by its start", () => {
  const reader = new MetadataReader();
  assertEquals(reader.value(record(["abc", "1"]), "ab"), undefined);
  assertEquals(reader.value(record(["ab", "1"]), "abc"), undefined);
  assertEquals(reader.value(record(["abd", "1"]), "abc"), undefined);
});

Deno.test("value() is not misled by a length that only looks like the usual layout", () => {
  // The value's length is 1, written in two bytes, the first of which alone would be 129: as far as
  // the entry goes on with a field that maps do not know.
  const entry = [0x0a, 1, 0x61, 0x12, 0x81, 0, 0x76, 0x1a, 125];
  const reader = new FieldReader(
    Uint8Array.of(0x2a, 0x86, 0x01, ...entry, ...Array(125).fill(0x78)),
  );
  assertEquals(new MetadataReader().value(reader, "a"), "v");
});

Deno.test("value() reads entries as writers lay them out", () => {
  const long = "x".repeat(200);
  for (
    const [key, value] of [["a", "1"], ["a", ""], ["", "1"], ["a", long], [
      long,
      "1",
    ], ["ключ", "é"]] as const
  ) {
    const reader = new FieldReader(
      new WireWriter().uint32(0x2a).fork().uint32(0x0a).string(key)
        .uint32(0x12).string(value).ldelim().finish(),
    );
    assertEquals(new MetadataReader().value(reader, key), value);
  }
});
