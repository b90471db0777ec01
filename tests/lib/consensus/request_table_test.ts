import { assertEquals } from "@std/assert";
import { RequestTable } from "../../../lib/consensus/request_table.ts";
import { requestsKeptBytesMax, requestsKeptMax } from "../../../lib/limits.ts";

Deno.test("RequestTable keeps the answer to each request", () => {
  const table = new RequestTable();
  table.set("a", new Uint8Array([1]));
  table.set("b", new Uint8Array([]));
  assertEquals(table.get("a"), new Uint8Array([1]));
  assertEquals(table.get("b"), new Uint8Array([]));
  assertEquals(table.get("c"), undefined);
  assertEquals(table.entries().map(([key]) => key), ["a", "b"]);
});

Deno.test("RequestTable forgets the oldest beyond its number", () => {
  const table = new RequestTable();
  for (let i = 0; i <= requestsKeptMax; i++) {
    table.set(`${i}`, new Uint8Array(0));
  }
  assertEquals(table.size, requestsKeptMax);
  assertEquals(table.get("0"), undefined);
  assertEquals(table.get("1")?.length, 0);
});

Deno.test("RequestTable forgets the oldest beyond its bytes", () => {
  const table = new RequestTable();
  const third = Math.ceil(requestsKeptBytesMax / 3) + 1;
  for (const key of ["a", "b", "c"]) table.set(key, new Uint8Array(third));
  assertEquals(table.entries().map(([key]) => key), ["b", "c"]);
});

Deno.test("RequestTable goes on forgetting the oldest, also after it has forgotten all", () => {
  const table = new RequestTable();
  table.set("too large", new Uint8Array(requestsKeptBytesMax + 1));
  assertEquals(table.size, 0);
  const count = 3 * requestsKeptMax;
  for (let i = 0; i < count; i++) table.set(`${i}`, new Uint8Array(0));
  const keys = table.entries().map(([key]) => key);
  assertEquals(keys.length, requestsKeptMax);
  assertEquals(keys[0], `${count - requestsKeptMax}`);
  assertEquals(keys.at(-1), `${count - 1}`);
});
