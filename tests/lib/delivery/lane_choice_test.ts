import { assert, assertEquals } from "@std/assert";
import { byLane, orderHash } from "../../../lib/delivery/lane_choice.ts";
import { loadOf, recordsOf } from "../../fixtures/loads.ts";

const encoder = new TextEncoder();

Deno.test("orderHash() depends on the key alone where there is one, else on source and partition", () => {
  const { view } = loadOf([
    { id: { sourceId: "a", partition: 1 }, key: encoder.encode("k") },
    { id: { sourceId: "b", partition: 2 }, key: encoder.encode("k") },
    { id: { sourceId: "a", partition: 1, sequenceNumber: 1 } },
    { id: { sourceId: "a", partition: 1, sequenceNumber: 2 } },
    { id: { sourceId: "a", partition: 2 } },
    { id: { sourceId: "b", partition: 1 } },
  ]);
  const [one, two, ...rest] = Array.from(
    { length: 6 },
    (_, i) => orderHash(view, i),
  );
  assertEquals(one, two);
  assertEquals(rest[0], rest[1]);
  assertEquals(new Set([one, ...rest]).size, 4);
});

Deno.test("byLane() deals every record out once, equal keys to one lane, in order", () => {
  const count = 1_000;
  const load = loadOf(Array.from({ length: count }, (_, i) => ({
    ...recordsOf(i)[0],
    key: encoder.encode(`key ${i % 50}`),
  })));
  const laneOfKey = new Map<number, number>();
  const seen: number[] = [];
  const lanes = new Set<number>();
  byLane(load, "all", 8, (lane, records) => {
    lanes.add(lane);
    assert(records.every((i, n) => n === 0 || i > records[n - 1]!));
    for (const i of records) {
      seen.push(i);
      assertEquals(laneOfKey.get(i % 50) ?? lane, lane);
      laneOfKey.set(i % 50, lane);
    }
  });
  assertEquals(seen.sort((a, b) => a - b), [...Array(count).keys()]);
  assertEquals(lanes.size, 8);
});

Deno.test("byLane() deals out only the records that it was given", () => {
  const seen: number[] = [];
  byLane(
    loadOf(recordsOf(1, 2, 3, 4)),
    Uint32Array.of(1, 3),
    4,
    (_, records) => seen.push(...records),
  );
  assertEquals(seen.sort(), [1, 3]);
});
