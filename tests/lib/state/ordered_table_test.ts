import { assertEquals } from "@std/assert";
import { seededRandom } from "../../../lib/random.ts";
import { OrderedTable } from "../../../lib/state/ordered_table.ts";

Deno.test("OrderedTable keeps UTF-16 order and what was set last", () => {
  const table = new OrderedTable<number>();
  const keys = ["b", "a", "ä", "Z", "😀", "\uffff", "", "10", "9"];
  keys.forEach((key, i) => table.set(key, i));
  table.set("a", 100);
  assertEquals([...table.entries()].map(([key]) => key), keys.toSorted());
  assertEquals(table.get("a"), 100);
  assertEquals(table.size, keys.length);
  assertEquals(table.delete("a"), true);
  assertEquals(table.delete("a"), false);
  assertEquals(table.has("a"), false);
  assertEquals([...table.entriesFrom("b")].map(([key]) => key), [
    "b",
    "ä",
    "😀",
    "\uffff",
  ]);
});

Deno.test("OrderedTable fork() is not changed by its original, nor the other way round", () => {
  const seed = Math.floor(performance.timeOrigin) >>> 0;
  const random = seededRandom(seed);
  const table = new OrderedTable<number>();
  const model = new Map<string, number>();
  const forks: [OrderedTable<number>, Map<string, number>][] = [];
  for (let i = 0; i < 20_000; i++) {
    const key = `key-${Math.floor(random() * 3_000)}`;
    if (random() < 0.3) {
      assertEquals(table.delete(key), model.delete(key), `SEED ${seed}`);
    } else {
      table.set(key, i);
      model.set(key, i);
    }
    if (i % 2_000 === 999) {
      const fork = table.fork();
      forks.push([fork, new Map(model)]);
      const written = fork.fork();
      written.set("written to a fork", 1);
      written.delete(key);
    }
  }
  for (const [fork, then] of [...forks, [table, model] as const]) {
    assertEquals(
      [...fork.entries()],
      [...then].sort(([a], [b]) => a < b ? -1 : 1),
      `SEED ${seed}`,
    );
  }
});
