import { assertEquals, assertRejects } from "@std/assert";
import { gathered } from "../../clients/gathered.ts";

async function* later<T>(items: readonly T[]): AsyncGenerator<T, void, void> {
  for (const item of items) {
    await Promise.resolve();
    yield item;
  }
}

Deno.test("gathered() fills batches to their number", async () => {
  assertEquals(await Array.fromAsync(gathered([1, 2, 3, 4, 5], 2, 5)), [
    [1, 2],
    [3, 4],
    [5],
  ]);
  assertEquals(
    await Array.fromAsync(gathered(later([1, 2, 3, 4, 5]), 2, 1_000)),
    [[1, 2], [3, 4], [5]],
  );
  assertEquals(await Array.fromAsync(gathered(later([]), 2, 5)), []);
});

Deno.test("gathered() gives out what is there when no more comes", async () => {
  const rest = Promise.withResolvers<void>();
  async function* slow(): AsyncGenerator<number, void, void> {
    yield 1;
    yield 2;
    await rest.promise;
    yield 3;
  }
  const batches = gathered(slow(), 100, 1);
  assertEquals((await batches.next()).value, [1, 2]);
  rest.resolve();
  assertEquals((await batches.next()).value, [3]);
  assertEquals((await batches.next()).done, true);
});

Deno.test("gathered() ends its source when it is left, and passes errors on", async () => {
  let ended = false;
  async function* endless(): AsyncGenerator<number, void, void> {
    try {
      for (;;) yield await Promise.resolve(1);
    } finally {
      ended = true;
    }
  }
  for await (const batch of gathered(endless(), 3, 5)) {
    assertEquals(batch, [1, 1, 1]);
    break;
  }
  assertEquals(ended, true);
  // deno-lint-ignore require-yield -- it fails before it yields
  async function* broken(): AsyncGenerator<number, void, void> {
    await Promise.reject(new Error("no source"));
  }
  await assertRejects(
    () => Array.fromAsync(gathered(broken(), 3, 5)),
    Error,
    "no source",
  );
});
