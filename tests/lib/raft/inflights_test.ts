import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { InvariantViolation } from "../../../lib/invariant.ts";
import { Inflights } from "../../../lib/raft/inflights.ts";

function filled(max: number, maxBytes: number, count: number): Inflights {
  const window = new Inflights(max, maxBytes);
  for (let index = 1; index <= count; index++) window.add(index, 100);
  return window;
}

Deno.test("Inflights is full when it holds as many as it may", () => {
  assertFalse(filled(10, Infinity, 9).full);
  assert(filled(10, Infinity, 10).full);
});

Deno.test("Inflights is full when it holds as many bytes as it may", () => {
  assertFalse(filled(10, 300, 2).full);
  assert(filled(10, 300, 3).full);
});

Deno.test("Inflights lets a single append past its bytes", () => {
  const window = new Inflights(10, 50);
  assertFalse(window.full);
  window.add(1, 1000);
  assert(window.full);
});

Deno.test("Inflights add() refuses when it is full", () => {
  const window = filled(3, Infinity, 3);
  assertThrows(() => window.add(4, 1), InvariantViolation);
});

Deno.test("Inflights freeUpTo() frees what one ack answers", () => {
  const window = filled(10, Infinity, 10);
  window.freeUpTo(5);
  assertEquals(window.count, 5);
  window.freeUpTo(5);
  assertEquals(window.count, 5);
  window.freeUpTo(100);
  assertEquals(window.count, 0);
});

Deno.test("Inflights freeUpTo() frees the bytes too", () => {
  const window = filled(10, 300, 3);
  window.freeUpTo(1);
  assertFalse(window.full);
  window.add(4, 100);
  assert(window.full);
});

Deno.test("Inflights goes round its ring for ever", () => {
  const window = new Inflights(9, Infinity);
  for (let index = 1; index <= 1000; index++) {
    window.add(index, 1);
    if (index > 5) window.freeUpTo(index - 5);
    assertEquals(window.count, Math.min(index, 5));
  }
});

Deno.test("Inflights keeps its order when it grows past the wrap", () => {
  const window = new Inflights(64, Infinity);
  for (let index = 1; index <= 8; index++) window.add(index, 1);
  window.freeUpTo(4);
  for (let index = 9; index <= 40; index++) window.add(index, 1);
  for (let index = 5; index <= 40; index++) {
    window.freeUpTo(index);
    assertEquals(window.count, 40 - index);
  }
});

Deno.test("Inflights clear() forgets count and bytes", () => {
  const window = filled(3, 300, 3);
  window.clear();
  assertEquals(window.count, 0);
  assertFalse(window.full);
  window.add(9, 100);
  window.freeUpTo(9);
  assertEquals(window.count, 0);
});
