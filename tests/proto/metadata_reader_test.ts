import { assertEquals } from "@std/assert";
import { FieldReader } from "../../proto/field_reader.ts";
import { MetadataReader } from "../../proto/metadata_reader.ts";
import { WireWriter } from "../../proto/wire.ts";

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
