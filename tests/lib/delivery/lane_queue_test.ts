import { assert, assertEquals } from "@std/assert";
import { LaneQueue } from "../../../lib/delivery/lane_queue.ts";
import { Work } from "../../../lib/delivery/work.ts";
import { seededRandom } from "../../../lib/random.ts";
import { loadOf, recordsOf, Releases } from "../../fixtures/loads.ts";

const bounds = { recordsMax: 3, recordsDue: 3, bytesMax: 1_000, lingerMs: 5 };

function taken(queue: LaneQueue, recordsMax = 100): number[] {
  const work = new Work();
  queue.take(work, recordsMax);
  const sequences = Array.from(
    { length: work.count },
    (_, position) =>
      Number(work.idsOf(position).sequence(work.indexes[position]!)),
  );
  work.clear();
  return sequences;
}

Deno.test("LaneQueue has a batch due when enough records or bytes wait, or the first has waited", () => {
  const queue = new LaneQueue(bounds);
  assertEquals(queue.dueInMs(0), Infinity);
  queue.add(loadOf(recordsOf(1)), "all", 10);
  assertEquals(queue.dueInMs(10), 5);
  queue.add(loadOf(recordsOf(2)), "all", 13);
  assertEquals(queue.dueInMs(13), 2);
  assertEquals(queue.dueInMs(15), 0);
  queue.add(loadOf(recordsOf(3)), "all", 13);
  assertEquals(queue.dueInMs(13), 0);
  const large = new LaneQueue({ ...bounds, bytesMax: 30 });
  large.add(loadOf(recordsOf(1, 2)), "all", 0);
  assertEquals(large.dueInMs(0), 0);
});

Deno.test("LaneQueue gives records first in, first out, up to the bounds of a batch", () => {
  const queue = new LaneQueue(bounds);
  queue.add(loadOf(recordsOf(1, 2, 3, 4)), Uint32Array.of(0, 2, 3), 0);
  queue.add(loadOf(recordsOf(5, 6)), "all", 0);
  assertEquals(queue.count, 5);
  assertEquals(taken(queue, 2), [1, 3]);
  assertEquals(taken(queue), [4, 5, 6]);
  assertEquals([queue.count, queue.bytes], [0, 0]);
  assertEquals(taken(queue), []);
});

Deno.test("LaneQueue has a batch due with fewer records than it may take of those that wait", () => {
  const queue = new LaneQueue({ ...bounds, recordsDue: 2 });
  queue.add(loadOf(recordsOf(1)), "all", 0);
  assertEquals(queue.dueInMs(0), 5);
  queue.add(loadOf(recordsOf(2, 3, 4)), "all", 0);
  assertEquals(queue.dueInMs(0), 0);
  assertEquals(taken(queue), [1, 2, 3]);
});

Deno.test("LaneQueue gives one record at least, however large it is", () => {
  const queue = new LaneQueue({ ...bounds, bytesMax: 5 });
  queue.add(loadOf(recordsOf(1, 2)), "all", 0);
  // One alone, also where the next one is of another load.
  queue.add(loadOf(recordsOf(3)), "all", 0);
  for (const sequence of [1, 2, 3]) assertEquals(taken(queue), [sequence]);
});

Deno.test("LaneQueue puts records back before those that wait", () => {
  const queue = new LaneQueue(bounds);
  queue.add(loadOf(recordsOf(7, 8)), "all", 0);
  queue.putBack(loadOf(recordsOf(1, 2, 3)), Uint32Array.of(1, 2), 0);
  assertEquals(taken(queue), [2, 3, 7]);
});

Deno.test("LaneQueue tells of what it lets go, without what was taken", () => {
  const queue = new LaneQueue(bounds);
  queue.add(loadOf(recordsOf(1, 2, 3, 4, 5)), "all", 0);
  taken(queue);
  const gone: number[] = [];
  queue.clear((_, records) => gone.push(...records));
  assertEquals(gone, [3, 4]);
  assertEquals([queue.count, queue.bytes, queue.dueInMs(9)], [0, 0, Infinity]);
});

Deno.test("LaneQueue keeps order, counts and loads over any mix of adding and taking", () => {
  const seed = 11;
  const random = seededRandom(seed);
  const releases = new Releases();
  const queue = new LaneQueue({
    recordsMax: 7,
    recordsDue: 7,
    bytesMax: 120,
    lingerMs: 0,
  });
  const expected: number[] = [];
  let next = 0;
  let loads = 0;
  for (let step = 0; step < 3_000; step++) {
    if (random() < 0.5) {
      const size = 1 + Math.floor(random() * 9);
      const sequences = Array.from({ length: size }, () => ++next);
      const load = loadOf(recordsOf(...sequences), 1, releases);
      loads++;
      queue.add(load, "all", step);
      load.release();
      expected.push(...sequences);
    } else {
      const batch = taken(queue, 1 + Math.floor(random() * 10));
      assert(batch.length > 0 || expected.length === 0, `SEED ${seed}`);
      assertEquals(batch, expected.splice(0, batch.length), `SEED ${seed}`);
    }
    assertEquals(queue.count, expected.length, `SEED ${seed}`);
  }
  while (queue.count > 0) taken(queue);
  assertEquals(queue.bytes, 0);
  assertEquals(releases.loads.length, loads);
});
