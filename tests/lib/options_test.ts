import { assertEquals, assertThrows } from "@std/assert";
import { ConveyorError } from "../../lib/errors.ts";
import {
  booleanOption,
  integerOption,
  numberOption,
  requiredString,
  timeOption,
} from "../../lib/options.ts";

Deno.test("options give the fallback when nothing is said, and keep what is in range", () => {
  assertEquals(integerOption("n", undefined, 7, 1), 7);
  assertEquals(
    [integerOption("n", 1, 7, 1, 3), integerOption("n", 3, 7, 1, 3)],
    [1, 3],
  );
  assertEquals(numberOption("n", 0.5, 1, 0, 1), 0.5);
  assertEquals([timeOption("t", undefined, 9), timeOption("t", 0, 9, 0)], [
    9,
    0,
  ]);
  assertEquals(requiredString("s", "x"), "x");
});

Deno.test("options refuse by name what is out of range or of another type", () => {
  const wrong = (value: unknown): number => value as number;
  const refused: (() => unknown)[] = [
    () => booleanOption("o", wrong("true") as never, true),
    () => integerOption("o", 0, 7, 1),
    () => integerOption("o", 4, 7, 1, 3),
    () => integerOption("o", 1.5, 7, 1),
    () => integerOption("o", wrong("5"), 7, 1),
    () => integerOption("o", wrong(null), 7, 1),
    () => numberOption("o", NaN, 1, 0, 1),
    () => numberOption("o", wrong("0.5"), 1, 0, 1),
    () => timeOption("o", -1, 9),
    () => timeOption("o", Infinity, 9),
    () => timeOption("o", 2 ** 31, 9),
    () => timeOption("o", wrong("5"), 9),
    () => requiredString("o", ""),
    () => requiredString("o", 5),
  ];
  for (const option of refused) {
    assertEquals(
      assertThrows(option, ConveyorError).details[0]?.field,
      "o",
      String(option),
    );
  }
});
