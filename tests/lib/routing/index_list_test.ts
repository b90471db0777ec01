import { assertEquals, assertStrictEquals } from "@std/assert";
import { viewRecordsKept } from "../../../lib/limits.ts";
import { IndexList, noRecords } from "../../../lib/routing/index_list.ts";

Deno.test("IndexList.take() gives the selection itself when all of it was added", () => {
  const list = new IndexList();
  list.clear(2);
  [4, 7].forEach((i) => list.add(i));
  const records = Uint32Array.of(4, 7);
  assertStrictEquals(list.take(records, 2), records);
  assertEquals(list.take("all", 2), "all");
});

Deno.test("IndexList.take() gives a copy that later batches leave alone", () => {
  const list = new IndexList();
  list.clear(3);
  list.add(1);
  const taken = list.take("all", 3);
  list.clear(3);
  list.add(2);
  assertEquals(taken, Uint32Array.of(1));
  assertEquals(list.take("all", 3), Uint32Array.of(2));
});

Deno.test("IndexList.take() gives the empty selection when nothing was added", () => {
  const list = new IndexList();
  list.clear(3);
  assertStrictEquals(list.take("all", 3), noRecords);
});

Deno.test("IndexList.clear() makes room again after a batch whose room was let go", () => {
  const list = new IndexList();
  list.clear(viewRecordsKept + 1);
  list.add(5);
  assertEquals(list.take("all", viewRecordsKept + 1), Uint32Array.of(5));
  list.clear(2);
  list.add(1);
  assertEquals(list.take("all", 2), Uint32Array.of(1));
});
