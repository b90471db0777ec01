import { assertEquals } from "@std/assert";
import { pauses, pressureLevel } from "../../../lib/delivery/pressure.ts";

Deno.test("pressureLevel() rises at 60, 80, 90 and 95 %", () => {
  const levels = [0, 0.59, 0.6, 0.79, 0.8, 0.9, 0.94, 0.95, 1.5];
  assertEquals(
    levels.map((fraction) => pressureLevel(fraction, 0)) as number[],
    [0, 0, 1, 1, 2, 3, 3, 4, 4],
  );
});

Deno.test("pressureLevel() falls only some way below where it rose", () => {
  assertEquals(pressureLevel(0.94, 4), 4 as number);
  assertEquals(pressureLevel(0.89, 4), 3 as number);
  assertEquals(pressureLevel(0.58, 1), 1 as number);
  assertEquals(pressureLevel(0.54, 1), 0 as number);
  assertEquals(pressureLevel(0.1, 4), 0 as number);
});

Deno.test("pauses() holds of the highest level only", () => {
  assertEquals([0, 1, 2, 3, 4].map((level) => pauses(level)), [
    false,
    false,
    false,
    false,
    true,
  ]);
});
