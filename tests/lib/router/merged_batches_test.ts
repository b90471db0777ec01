import { assertEquals, assertRejects } from "@std/assert";
import { MergedBatches } from "../../../lib/router/merged_batches.ts";

/** A stream of batches of one byte, which counts what was asked of it. */
class Counted {
  asked = 0;

  async *batches(...values: readonly number[]): AsyncGenerator<Uint8Array> {
    for (const value of values) {
      this.asked++;
      yield await Promise.resolve(Uint8Array.of(value));
    }
  }
}

async function* broken(): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(Uint8Array.of(9));
  throw new Error("broken");
}

Deno.test("MergedBatches yields all streams, each in its order, and ends when all have", async () => {
  const merged = new MergedBatches();
  const added = [
    merged.add(new Counted().batches(1, 2, 3)),
    merged.add(new Counted().batches(4, 5, 6)),
  ];
  const values = (await Array.fromAsync(merged)).map(([value]) => value!);
  await Promise.all(added);
  assertEquals(values.filter((value) => value < 4), [1, 2, 3]);
  assertEquals(values.filter((value) => value > 3), [4, 5, 6]);
});

Deno.test("MergedBatches asks a stream for no more than what was taken", async () => {
  const merged = new MergedBatches();
  const counted = new Counted();
  const added = merged.add(counted.batches(1, 2, 3));
  for await (const [value] of merged) {
    assertEquals(counted.asked, value);
    if (value === 2) break;
  }
  merged.close();
  await added;
  // The one that was asked for while nobody knew yet that reading was over.
  assertEquals(counted.asked, 3);
});

Deno.test("MergedBatches goes on without a stream that broke", async () => {
  const merged = new MergedBatches();
  const added = merged.add(broken());
  const failed = assertRejects(() => added, Error, "broken");
  const good = merged.add(new Counted().batches(1, 2));
  const values = (await Array.fromAsync(merged)).map(([value]) => value!);
  await Promise.all([failed, good]);
  assertEquals(values.sort(), [1, 2, 9]);
});
