import { assertEquals } from "@std/assert";
import { firstPositions, Standing, Work } from "../../../lib/delivery/work.ts";
import { RecordJoin } from "../../../proto/record_join.ts";
import { RecordView } from "../../../proto/record_view.ts";
import { loadOf, recordsOf, Releases } from "../../fixtures/loads.ts";

/** Sequence numbers of the records in a joined batch. */
function sequencesOf(join: RecordJoin): number[] {
  const view = new RecordView().reset(join.batch("")).addBatch();
  return Array.from(
    { length: view.count },
    (_, i) => view.ids.sequenceLows[i]!,
  );
}

Deno.test("Work knows of each position its load, its record and its slot", () => {
  const work = new Work();
  const [one, other] = [loadOf(recordsOf(1, 2), 10), loadOf(recordsOf(3), 20)];
  work.addLoad(one);
  work.addRange(Uint32Array.of(1), 0, 1);
  work.addLoad(other);
  work.addRange(Uint32Array.of(0), 0, 1);
  assertEquals(work.count, 2);
  assertEquals([work.load(0), work.load(1)], [one, other]);
  assertEquals(Array.from(work.slots.subarray(0, 2)), [11, 20]);
  assertEquals(work.idsOf(0).sequence(work.indexes[0]!), 2n);
  assertEquals(work.standings[1], Standing.Open);
});

Deno.test("Work joins the records of positions in their order, neighbours and others", () => {
  const work = new Work();
  const join = new RecordJoin();
  work.addLoad(loadOf(recordsOf(1, 2, 3, 4)));
  work.addRange("all", 0, 4);
  work.addLoad(loadOf(recordsOf(5, 6)));
  work.addRange("all", 0, 2);
  work.joinTo(join, Uint32Array.of(0, 1, 3, 4, 5));
  assertEquals(sequencesOf(join), [1, 2, 4, 5, 6]);
  join.clear();
  work.joinTo(join, Uint32Array.of(2, 5));
  assertEquals(sequencesOf(join), [3, 6]);
});

Deno.test("Work holds each load until it is cleared, and forgets failures with it", () => {
  const releases = new Releases();
  const load = loadOf(recordsOf(1), 1, releases);
  const work = new Work();
  work.addLoad(load);
  work.addLoad(load);
  work.addRange(Uint32Array.of(0), 0, 1);
  load.release();
  work.fail(0, Standing.Failed, { code: "INTERNAL", message: "broken" });
  work.firstFailureMs.set(0, 5);
  assertEquals(releases.loads, []);
  work.clear();
  assertEquals(releases.loads, [load]);
  assertEquals([work.count, work.failures.size, work.firstFailureMs.size], [
    0,
    0,
    0,
  ]);
});

Deno.test("Work keeps what it has when it grows, and begins anew when used again", () => {
  const work = new Work();
  const count = 10_000;
  const load = loadOf(recordsOf(...Array.from({ length: count }, (_, i) => i)));
  work.addLoad(load);
  for (let i = 0; i < count; i++) {
    work.addRange(Uint32Array.of(i), 0, 1);
    work.attempts[i] = i % 100;
    work.standings[i] = Standing.Done;
  }
  for (let i = 0; i < count; i += 999) {
    assertEquals(work.indexes[i], i);
    assertEquals(work.attempts[i], i % 100);
    assertEquals(work.standings[i], Standing.Done);
  }
  work.clear();
  work.addLoad(load);
  work.addRange(Uint32Array.of(3), 0, 1);
  assertEquals([work.attempts[0], work.standings[0]], [0, Standing.Open]);
});

Deno.test("Work has a shared lineage only when every load has the same one", () => {
  const work = new Work();
  assertEquals(work.sharedLineage, undefined);
  work.addLoad(loadOf(recordsOf(1)));
  work.addLoad(loadOf(recordsOf(2)));
  assertEquals(work.sharedLineage, 0);
});

Deno.test("firstPositions() counts from 0", () => {
  assertEquals(Array.from(firstPositions(3)), [0, 1, 2]);
  assertEquals(firstPositions(5_000)[4_999], 4_999);
  assertEquals(firstPositions(0).length, 0);
});

Deno.test("Work.setAll() says of all positions named how they stand", () => {
  const work = new Work();
  work.addLoad(loadOf(recordsOf(1, 2, 3)));
  work.addRange("all", 0, 3);
  work.setAll(Uint32Array.of(0, 2), Standing.Done);
  assertEquals([...work.standings.subarray(0, 3)], [
    Standing.Done,
    Standing.Open,
    Standing.Done,
  ]);
});
