import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { seededRandom, systemRandom } from "../../lib/random.ts";

function drawn(seed: number, count: number): number[] {
  const random = seededRandom(seed);
  return Array.from({ length: count }, random);
}

Deno.test("seededRandom() repeats itself from its seed, and only from its seed", () => {
  assertEquals(drawn(7, 100), drawn(7, 100));
  assertNotEquals(drawn(7, 100), drawn(8, 100));
  assertEquals(new Set(drawn(7, 10_000)).size > 9_990, true);
});

Deno.test("seededRandom() spreads evenly over [0, 1)", () => {
  const numbers = drawn(1, 10_000);
  const mean = numbers.reduce((sum, number) => sum + number) / numbers.length;
  assert(Math.abs(mean - 0.5) < 0.02, String(mean));
  assert(
    [...numbers, systemRandom()].every((number) => number >= 0 && number < 1),
  );
});
