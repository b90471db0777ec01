import { assert, assertEquals, assertFalse } from "@std/assert";
import { ReadIndex } from "../../../lib/raft/read_index.ts";
import type { Message } from "../../../lib/raft/types.ts";
import { bytes, message, text } from "../../fixtures/raft_network.ts";

function request(context: string, from = 1): Message {
  return message("MsgReadIndex", from, 1, 0, { context: bytes(context) });
}

function taken(reads: ReadIndex, number: number): string[] {
  return reads.take(number).map(({ from, context, index }) =>
    `${from} ${text(context)} ${index}`
  );
}

Deno.test("ReadIndex confirms all reads up to the one that was answered", () => {
  const reads = new ReadIndex(10);
  reads.start(request("a"), 5);
  reads.start(request("b", 2), 6);
  const stamp = reads.stamp();
  reads.start(request("c"), 7);
  reads.answer(2, stamp);
  assertEquals(taken(reads, reads.answeredBy(2)), ["1 a 5", "2 b 6"]);
  assertEquals(taken(reads, reads.answeredBy(2)), []);
  assert(reads.waiting);
});

Deno.test("ReadIndex does not take an old answer for a read with the same context", () => {
  const reads = new ReadIndex(10);
  reads.start(request("same"), 5);
  const old = reads.stamp();
  reads.answer(2, old);
  assertEquals(taken(reads, reads.answeredBy(2)), ["1 same 5"]);
  reads.start(request("same"), 9);
  reads.answer(2, old);
  assertEquals(taken(reads, reads.answeredBy(2)), []);
  reads.answer(2, reads.stamp());
  assertEquals(taken(reads, reads.answeredBy(2)), ["1 same 9"]);
});

Deno.test("ReadIndex keeps the newest answer when answers are reordered", () => {
  const reads = new ReadIndex(10);
  reads.start(request("a"), 5);
  const first = reads.stamp();
  reads.start(request("b"), 5);
  reads.answer(3, reads.stamp());
  reads.answer(3, first);
  assertEquals(reads.answeredBy(3), 2);
});

Deno.test("ReadIndex stamps nothing while nothing waits", () => {
  const reads = new ReadIndex(10);
  assertEquals(reads.stamp().length, 0);
  assertFalse(reads.waiting);
});

Deno.test("ReadIndex ignores what is no stamp", () => {
  const reads = new ReadIndex(10);
  reads.start(request("a"), 5);
  reads.answer(2, bytes("other"));
  assertEquals(reads.answeredBy(2), 0);
});

Deno.test("ReadIndex reads a stamp from within a larger buffer", () => {
  const reads = new ReadIndex(10);
  reads.start(request("a"), 5);
  const frame = new Uint8Array(20);
  frame.set(reads.stamp(), 7);
  reads.answer(2, frame.subarray(7, 15));
  assertEquals(reads.answeredBy(2), 1);
});

Deno.test("ReadIndex starts postponed reads at the index known then", () => {
  const reads = new ReadIndex(10);
  assertFalse(reads.startPostponed(3));
  reads.postpone(request("a"));
  assertFalse(reads.waiting);
  assert(reads.startPostponed(8));
  assertEquals(taken(reads, 1), ["1 a 8"]);
  assertFalse(reads.startPostponed(9));
});

Deno.test("ReadIndex is full with postponed and pending reads together", () => {
  const reads = new ReadIndex(2);
  reads.postpone(request("a"));
  assertFalse(reads.full);
  reads.start(request("b"), 1);
  assert(reads.full);
});

Deno.test("ReadIndex keeps no buffer of the caller", () => {
  const reads = new ReadIndex(10);
  const one = request("abc");
  reads.start(one, 5);
  one.context.fill(0);
  assertEquals(taken(reads, 1), ["1 abc 5"]);
});
