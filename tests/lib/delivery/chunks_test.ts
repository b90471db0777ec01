import { assertEquals } from "@std/assert";
import { Chunks } from "../../../lib/delivery/chunks.ts";

/** Takes all chunks: their positions, in order. */
function allOf(chunks: Chunks): number[][] {
  const all: number[][] = [];
  while (!chunks.isEmpty) all.push([...chunks.take().positions]);
  return all;
}

Deno.test("Chunks puts what is tried again before the rest", () => {
  const chunks = new Chunks();
  chunks.put(Uint32Array.of(0, 1, 2, 3));
  chunks.splitAt(2);
  assertEquals([...chunks.next.positions], [0, 1]);
  chunks.take();
  chunks.put(Uint32Array.of(1));
  assertEquals(allOf(chunks), [[1], [2, 3]]);
});

Deno.test("Chunks keeps the order of what is halved again and again", () => {
  const chunks = new Chunks();
  chunks.put(Uint32Array.of(4, 5, 6, 7, 8));
  chunks.halve();
  chunks.halve();
  assertEquals(allOf(chunks), [[4, 5], [6], [7, 8]]);
});

Deno.test("Chunks sends groups one after the other, and says that they are such", () => {
  const chunks = new Chunks();
  chunks.put(Uint32Array.of(0, 1, 2));
  assertEquals(chunks.next.grouped, false);
  chunks.group([[0, 2], [1]]);
  assertEquals(chunks.next.grouped, true);
  chunks.splitAt(1);
  assertEquals(chunks.next.grouped, true);
  assertEquals(allOf(chunks), [[0], [2], [1]]);
});
