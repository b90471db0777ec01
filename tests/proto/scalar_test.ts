import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { BadValue, isDefault, scalarOf } from "../../proto/scalar.ts";
import { WireReader } from "../../proto/wire.ts";
import { WireWriter } from "../../proto/wire_writer.ts";

function roundTrip(type: string, value: unknown): unknown {
  const writer = new WireWriter();
  scalarOf(type).write(writer, value);
  return scalarOf(type).read(new WireReader(writer.finish()));
}

Deno.test("scalarOf() gives back what was written at the ends of each range", () => {
  const ends: [string, ...unknown[]][] = [
    ["uint32", 0, 2 ** 32 - 1],
    ["int32", -(2 ** 31), -1, 2 ** 31 - 1],
    ["uint64", 0n, 2n ** 64n - 1n],
    ["int64", -(2n ** 63n), -1n, 2n ** 63n - 1n],
    ["bool", true, false],
    ["float", -0, 0.5, Infinity],
    ["double", 0.1, -1e308],
    ["string", "", "日本 \ufeff"],
    ["bytes", new Uint8Array([0, 255])],
  ];
  for (const [type, ...values] of ends) {
    for (const value of values) {
      assertEquals(roundTrip(type, value), value, type);
    }
  }
});

Deno.test("scalarOf() refuses values one past the range, and of another type", () => {
  const wrong: [string, ...unknown[]][] = [
    ["uint32", -1, 2 ** 32, "1", true],
    ["int32", 2 ** 31, -(2 ** 31) - 1, 1n],
    ["uint64", -1n, 2n ** 64n, 2 ** 53, "1"],
    ["int64", 2n ** 63n, 0.5],
    ["bool", 1],
    ["float", "1"],
    ["string", 1],
    ["bytes", [1]],
  ];
  for (const [type, ...values] of wrong) {
    for (const value of values) {
      assertThrows(
        () => roundTrip(type, value),
        BadValue,
        "must be",
        `${type} ${value}`,
      );
    }
  }
});

Deno.test("isDefault() tells -0 from 0, and takes the number 0 for 0n", () => {
  assert(isDefault(scalarOf("double"), 0));
  assertFalse(isDefault(scalarOf("double"), -0));
  assert(isDefault(scalarOf("uint64"), 0));
  assert(isDefault(scalarOf("bytes"), new Uint8Array(0)));
  assertFalse(isDefault(scalarOf("string"), "0"));
});
