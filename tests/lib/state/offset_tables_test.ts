import { assertEquals } from "@std/assert";
import { snapshotPartitions } from "../../../lib/limits.ts";
import { seededRandom } from "../../../lib/random.ts";
import {
  offsetEntries,
  OffsetTables,
} from "../../../lib/state/offset_tables.ts";
import { codecOf } from "../../../proto/codec.ts";
import type { SnapshotEntry } from "../../../proto/messages/state.ts";
import { schema } from "../../../proto/schema.ts";

const codec = codecOf<SnapshotEntry>(
  schema.lookupType("conveyor.state.SnapshotEntry"),
);

Deno.test("OffsetTables.raise() only raises, over all of uint64", () => {
  const tables = new OffsetTables();
  const raise = (offset: bigint) => tables.raise("s", 0, offset, 7);
  assertEquals(raise(2n ** 53n + 1n), "raised");
  assertEquals(raise(2n ** 53n + 1n), "same");
  assertEquals(raise(2n ** 53n), "lower");
  assertEquals(raise(2n ** 64n - 1n), "raised");
  assertEquals(raise(0n), "lower");
  assertEquals(tables.get("s", 0), {
    partition: 0,
    offset: 2n ** 64n - 1n,
    committedAtMs: 7,
  });
  assertEquals(tables.get("s", 1), undefined);
  assertEquals(tables.get("t", 0), undefined);
  assertEquals(tables.size, 1);
});

Deno.test("OffsetTables.missing() counts each new partition once", () => {
  const tables = new OffsetTables();
  assertEquals(tables.missing("s", [1, 1, 2]), 2);
  tables.raise("s", 1, 0n, 0);
  assertEquals(tables.missing("s", [1, 1, 2, 2]), 1);
});

Deno.test("OffsetTables.withPrefix() gives the keys that start so", () => {
  const tables = new OffsetTables();
  for (const key of ["a", "b", "b/1", "b/2", "c"]) tables.raise(key, 0, 1n, 0);
  assertEquals(
    Array.from(tables.withPrefix("b/"), ([key]) => key),
    ["b/1", "b/2"],
  );
});

Deno.test("offsetEntries() are entries that the codec reads, and load() takes", () => {
  const seed = Math.floor(performance.timeOrigin) >>> 0;
  const random = seededRandom(seed);
  const tables = new OffsetTables();
  for (let i = 0; i < 3 * snapshotPartitions + 5; i++) {
    const partition = Math.floor(random() * 2 ** 32);
    const offset = BigInt(Math.floor(random() * 2 ** 32)) *
        BigInt(Math.floor(random() * 2 ** 32)) >>
      BigInt(Math.floor(random() * 64));
    tables.raise("s", partition, offset, Math.floor(random() * 2 ** 45));
  }
  const loaded = new OffsetTables();
  const owner = { sourceId: "s", groupId: "" };
  for (const [, table] of tables.freeze(1)) {
    for (const bytes of offsetEntries(3, owner, table)) {
      const entry = codec.decode(bytes);
      assertEquals(codec.encode(entry), bytes, `SEED ${seed}`);
      loaded.load(entry.offsets!.sourceId, entry.offsets!);
    }
  }
  assertEquals(loaded.list("s"), tables.list("s"), `SEED ${seed}`);
  assertEquals(loaded.size, tables.size);
});

Deno.test("OffsetTables.freeze() shows what was then", () => {
  const tables = new OffsetTables();
  tables.raise("s", 0, 1n, 0);
  const frozen = tables.freeze(1);
  tables.raise("s", 0, 2n, 0);
  tables.raise("s", 1, 2n, 0);
  tables.raise("t", 0, 2n, 0);
  const rows = Array.from(frozen, ([key, table]) => [key, table.size]);
  assertEquals(rows, [["s", 1]]);
  assertEquals(tables.list("s").length, 2);
});
