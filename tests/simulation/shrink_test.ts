import { assertEquals } from "@std/assert";
import { shrink } from "./shrink.ts";

const numbers = Array.from({ length: 100 }, (_, at) => at);

async function shrunk(
  needed: readonly number[],
  triesMax = 1_000,
): Promise<readonly number[]> {
  return await shrink(
    numbers,
    (script) =>
      Promise.resolve(needed.every((number) => script.includes(number))),
    triesMax,
  );
}

Deno.test("shrink() leaves what is needed alone, wherever it is", async () => {
  for (const needed of [[], [0], [99], [13, 77], [1, 2, 3, 50, 98]]) {
    assertEquals(await shrunk(needed), needed);
  }
  assertEquals(await shrunk(numbers), numbers);
});

Deno.test("shrink() leaves more when its tries are at an end", async () => {
  let tries = 0;
  const left = await shrink(numbers, (script) => {
    tries++;
    return Promise.resolve(script.includes(50));
  }, 4);
  assertEquals(tries, 4);
  assertEquals(left.includes(50) && left.length > 1, true);
});
