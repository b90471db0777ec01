import { assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { partitionOffsetsMax } from "../../../lib/limits.ts";
import { OffsetTables } from "../../../lib/state/offset_tables.ts";
import {
  badOffsets,
  raiseOffsets,
  type RaiseRequest,
} from "../../../lib/state/raise_offsets.ts";

const source = { sourceId: "a", pullGeneration: 0 };

function request(
  partitions: number[],
  offsets: bigint[],
  more: Partial<RaiseRequest> = {},
): RaiseRequest {
  return {
    tables: new OffsetTables(),
    sources: [{ ...source, partitions, offsets }],
    atMs: 1,
    keyOf: (sourceId) => `key of ${sourceId}`,
    mayRaise: () => true,
    raised: () => {},
    ...more,
  };
}

Deno.test("raiseOffsets() raises what it may and names the rest by position", () => {
  const told: unknown[] = [];
  const tables = new OffsetTables();
  tables.raise("key of a", 2, 9n, 0);
  const result = raiseOffsets(request([1, 2, 3], [5n, 5n, 5n], {
    tables,
    mayRaise: (_, partition) => partition !== 3,
    raised: (...args) => told.push(args),
  }));
  assertEquals(result, { lower: [1], fenced: [2] });
  assertEquals(told, [["a", [1]]]);
  assertEquals(tables.list("key of a").map(({ offset }) => offset), [5n, 9n]);
});

Deno.test("badOffsets() refuses when there would be more partitions than allowed", () => {
  const tables = new OffsetTables();
  tables.raise("key of a", 1, 1n, 0);
  const full = Object.create(tables, {
    size: { value: partitionOffsetsMax },
    missing: { value: tables.missing.bind(tables) },
  }) as OffsetTables;
  assertEquals(badOffsets(request([1], [2n], { tables: full })), undefined);
  assertEquals(
    badOffsets(request([1, 2], [2n, 2n], { tables: full }))?.refusal.code,
    Code.ResourceExhausted,
  );
});

Deno.test("badOffsets() wants an offset for each partition", () => {
  assertEquals(badOffsets(request([1], []))?.refusal.field, "offsets");
  assertEquals(badOffsets(request([1], [1n])), undefined);
});
