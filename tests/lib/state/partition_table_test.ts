import { assert, assertEquals } from "@std/assert";
import { seededRandom } from "../../../lib/random.ts";
import { PartitionTable } from "../../../lib/state/partition_table.ts";

function contents(table: PartitionTable): [number, number, number][] {
  const words = new Uint32Array(2);
  return Array.from(
    table.walk(words),
    (partition) => [partition, words[0]!, words[1]!],
  );
}

Deno.test("PartitionTable gives back what was set, in rising order of partitions", () => {
  const table = new PartitionTable(2, 0);
  const words = new Uint32Array(2);
  assertEquals(table.get(0, words), false);
  for (const partition of [7, 0, 0xffff_ffff, 3, 7]) {
    table.set(partition, new Uint32Array([partition, table.size]));
  }
  assertEquals(contents(table), [
    [0, 0, 1],
    [3, 3, 3],
    [7, 7, 4],
    [0xffff_ffff, 0xffff_ffff, 2],
  ]);
  assertEquals(table.size, 4);
  assert(table.get(3, words));
  assertEquals([...words], [3, 3]);
  assertEquals(table.get(4, words), false);
});

for (const range of [300, 5_000, 2 ** 32]) {
  Deno.test(`PartitionTable is like a map over ${range} partitions, and its forks stay as they were`, () => {
    const seed = Math.floor(performance.timeOrigin) >>> 0;
    const random = seededRandom(seed);
    const model = new Map<number, number>();
    let table = new PartitionTable(2, 0);
    const frozen: [PartitionTable, Map<number, number>][] = [];
    for (let i = 0; i < 10_000; i++) {
      if (i % 1_500 === 1_499) {
        frozen.push([table, new Map(model)]);
        table = table.fork(frozen.length);
      }
      const partition = Math.floor(random() * range);
      table.set(partition, new Uint32Array([i, i + 1]));
      model.set(partition, i);
    }
    for (const [each, then] of [...frozen, [table, model] as const]) {
      assertEquals(each.size, then.size, `SEED ${seed}`);
      assertEquals(
        contents(each),
        [...then].sort(([a], [b]) => a - b).map(([p, i]) => [p, i, i + 1]),
        `SEED ${seed}`,
      );
    }
  });
}

Deno.test("PartitionTable takes rising and falling partitions", () => {
  const rising = new PartitionTable(2, 0);
  const falling = new PartitionTable(2, 0);
  for (let i = 0; i < 1_000; i++) {
    rising.set(i, new Uint32Array([i, 0]));
    falling.set(999 - i, new Uint32Array([999 - i, 0]));
  }
  assertEquals(contents(falling), contents(rising));
  assertEquals(contents(rising).length, 1_000);
});
