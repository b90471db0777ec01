import { assertEquals } from "@std/assert";
import { Faults } from "../../../lib/routing/faults.ts";
import { SettingReader } from "../../../lib/routing/setting_reader.ts";

/** What reading gave, and the faults found. */
function reading<T>(read: (reader: SettingReader) => T): [T, ...string[]] {
  const faults = new Faults();
  const value = read(new SettingReader(faults));
  return [
    value,
    ...faults.list().map(({ field, description }) =>
      `${field}: ${description}`
    ),
  ];
}

Deno.test("SettingReader.count() takes integers in range, and 0 for the default", () => {
  assertEquals(reading((r) => r.count("n", 0, 7, 10)), [7]);
  assertEquals(reading((r) => r.count("n", 10, 7, 10)), [10]);
  for (const value of [11, 1.5, -1, NaN]) {
    assertEquals(reading((r) => r.count("n", value, 7, 10)), [
      7,
      `n: must be an integer from 1 to 10, or 0 for the default of 7, found ${value}`,
    ]);
  }
});

Deno.test("SettingReader.number() takes numbers in range, and 0 for the default", () => {
  assertEquals(reading((r) => r.number("x", 0, 2, 1, 9)), [2]);
  assertEquals(reading((r) => r.number("x", 1.5, 2, 1, 9)), [1.5]);
  for (const value of [0.5, 9.5, NaN, Infinity]) {
    assertEquals(reading((r) => r.number("x", value, 2, 1, 9)), [
      2,
      `x: must be from 1 to 9, or 0 for the default of 2, found ${value}`,
    ]);
  }
});

Deno.test("SettingReader.timeMs() takes durations in range, and the default when absent", () => {
  const time = (seconds: bigint, nanos: number): unknown[] =>
    reading((r) => r.timeMs("t", { seconds, nanos }, 5, 1, 60_000));
  assertEquals(reading((r) => r.timeMs("t", undefined, 5, 1, 9)), [5]);
  assertEquals(time(1n, 500_000_000), [1_500]);
  assertEquals(time(0n, 1_500_000), [1.5]);
  const refused = "t: must be from 1 to 60000 ms, found";
  assertEquals(time(0n, 0), [5, `${refused} 0`]);
  assertEquals(time(-1n, 0), [5, `${refused} -1000`]);
  assertEquals(time(2n ** 63n - 1n, 0), [
    5,
    `${refused} 9.223372036854776e+21`,
  ]);
  assertEquals(time(0n, 2_000_000_000), [5, `${refused} 2000`]);
});

Deno.test("SettingReader.choice() takes the values of an enum", () => {
  const choices = ["a", "b"] as const;
  assertEquals(reading((r) => r.choice("e", 1, choices)), ["b"]);
  for (const value of [2, -1, 0.5]) {
    assertEquals(reading((r) => r.choice("e", value, choices)), [
      "a",
      `e: must be a value of its enum, 0 to 1, found ${value}`,
    ]);
  }
});

Deno.test("SettingReader.name() takes names that are neither missing nor too long", () => {
  assertEquals(reading((r) => r.name("id", "a", true)), ["a"]);
  assertEquals(reading((r) => r.name("id", "", false)), [""]);
  assertEquals(reading((r) => r.name("id", "", true)), [
    "",
    'id: must not be empty, found ""',
  ]);
  const long = "x".repeat(256);
  assertEquals(
    reading((r) => r.name("id", long, false))[1]?.slice(0, 38),
    "id: must have at most 255 characters, ",
  );
});
