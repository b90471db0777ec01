import { assertEquals } from "@std/assert";
import { PullQueue } from "../../../lib/delivery/pull_queue.ts";
import { RecordJoin } from "../../../proto/record_join.ts";
import { RecordView } from "../../../proto/record_view.ts";
import { recordsOf, viewOf } from "../../fixtures/loads.ts";

const all = { recordsMax: 1_000, bytesMax: 1_000_000 };

/** Sequence numbers of what a consumer is given. */
function taken(queue: PullQueue, consumer: number, bounds = all): number[] {
  const join = new RecordJoin();
  const count = queue.take(consumer, bounds, join);
  const { ids } = new RecordView().reset(join.batch("b")).addBatch();
  assertEquals(ids.count, count);
  return [...ids.sequenceLows.subarray(0, count)];
}

/** A queue of batches with these records, and the batches that are settled. */
function queueOf(...batches: readonly (readonly number[])[]) {
  const queue = new PullQueue();
  const settled: number[] = [];
  const added = batches.map((records, at) =>
    queue.add(viewOf(recordsOf(...records)), () => settled.push(at))
  );
  return { queue, settled, added };
}

Deno.test("PullQueue.take() gives each record to one consumer, those that wait longest first", () => {
  const { queue } = queueOf([1, 2, 3], [4, 5]);
  assertEquals(taken(queue, 1, { ...all, recordsMax: 2 }), [1, 2]);
  assertEquals(taken(queue, 2), [3, 4, 5]);
  assertEquals(taken(queue, 1), []);
  assertEquals([queue.heldBy(1), queue.heldBy(2), queue.waiting], [2, 3, 0]);
});

Deno.test("PullQueue.take() bounds the bytes, but gives one record at least", () => {
  const { queue } = queueOf([1, 2, 3]);
  assertEquals(taken(queue, 1, { ...all, bytesMax: 1 }), [1]);
  assertEquals(taken(queue, 1, { ...all, bytesMax: 50 }).length, 2);
});

Deno.test("PullQueue.settle() tells of a batch when all of it is settled, in whatever order", () => {
  const { queue, settled } = queueOf([1, 2], [3]);
  taken(queue, 1);
  assertEquals([2, 1, 0].map((n) => queue.settle(n)), [true, true, true]);
  assertEquals(settled, [1, 0]);
  assertEquals([queue.open, queue.heldBy(1)], [0, 0]);
  assertEquals(queue.settle(0), false);
});

Deno.test("PullQueue.settle() takes no word for what was never sent, nor twice", () => {
  const { queue, settled } = queueOf([1, 2]);
  assertEquals(taken(queue, 1, { ...all, recordsMax: 1 }), [1]);
  assertEquals([0, 0, 1, 2, -1].map((n) => queue.settle(n)), [
    true,
    false,
    false,
    false,
    false,
  ]);
  assertEquals(settled, []);
});

Deno.test("PullQueue.leave() lets the next consumer have what one that left had", () => {
  const { queue, settled } = queueOf([1, 2, 3]);
  taken(queue, 1);
  queue.settle(0);
  queue.leave(1);
  assertEquals([queue.heldBy(1), queue.waiting], [0, 2]);
  // A word that comes late still counts.
  assertEquals(queue.settle(1), true);
  assertEquals(queue.waiting, 1);
  assertEquals(taken(queue, 2), [3]);
  queue.settle(2);
  assertEquals(settled, [0]);
});

Deno.test("PullQueue.giveBack() keeps a record until it is to be sent again", () => {
  const { queue } = queueOf([1, 2]);
  taken(queue, 1);
  assertEquals([queue.giveBack(0), queue.giveBack(0)], [true, false]);
  assertEquals([queue.heldBy(1), taken(queue, 2)], [1, []]);
  queue.sendAgain();
  assertEquals(taken(queue, 2), [1]);
});

Deno.test("PullQueue.remove() forgets a batch, and numbers go on", () => {
  const { queue, added, settled } = queueOf([1, 2]);
  taken(queue, 1);
  queue.remove(added[0]!);
  assertEquals([queue.open, queue.heldBy(1), queue.next], [0, 0, 2]);
  assertEquals(queue.settle(0), false);
  queue.add(viewOf(recordsOf(3)), () => {});
  assertEquals([taken(queue, 1), queue.settle(2)], [[3], true]);
  assertEquals(settled, []);
});
