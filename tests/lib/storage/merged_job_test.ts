/** Jobs that go to the disk together leave what they would have left one after another. */
import { assertEquals, assertThrows } from "@std/assert";
import { InvariantViolation } from "../../../lib/invariant.ts";
import { merge, mergeable } from "../../../lib/storage/merged_job.ts";
import type { PersistJob } from "../../../lib/storage/store.ts";
import { entry, fill, manifestOf } from "../../fixtures/store_jobs.ts";

function job(part: Partial<PersistJob>): PersistJob {
  return { hardState: undefined, entries: [], snapshot: undefined, ...part };
}

function appends(first: number, last: number, term: number): PersistJob {
  return job({
    entries: Array.from(
      { length: last + 1 - first },
      (_, at) => entry(first + at, term),
    ),
  });
}

function places({ entries }: PersistJob): string {
  return entries.map(({ index, term }) => `${index}@${term}`).join(" ");
}

Deno.test("merge() keeps the last hard state and cuts what a later job replaces", () => {
  const one = { term: 1, vote: 1, commit: 0 };
  const two = { term: 2, vote: 0, commit: 3 };
  const merged = merge([
    job({ hardState: one }),
    appends(5, 8, 1),
    job({ hardState: two }),
    appends(9, 9, 1),
    appends(7, 7, 2),
    job({}),
    appends(8, 9, 2),
  ]);
  assertEquals(merged.hardState, two);
  assertEquals(places(merged), "5@1 6@1 7@2 8@2 9@2");
});

Deno.test("merge() lets a job that begins earlier replace all", () => {
  assertEquals(places(merge([appends(5, 8, 1), appends(4, 4, 2)])), "4@2");
});

Deno.test("merge() gives a single job back as it is, and keeps the snapshot of the first", () => {
  const only = appends(1, 2, 1);
  assertEquals(merge([only]) === only, true);
  const snapshot = manifestOf({ index: 4, term: 1 }, [fill(1)]);
  const merged = merge([job({ snapshot }), appends(5, 5, 1)]);
  assertEquals([merged.snapshot, places(merged)], [snapshot, "5@1"]);
});

Deno.test("merge() stops at a gap, which only a bug can leave", () => {
  assertThrows(
    () => merge([appends(5, 6, 1), appends(8, 8, 1)]),
    InvariantViolation,
  );
});

Deno.test("mergeable() ends before a snapshot and before more than a commit", () => {
  const snapshot = manifestOf({ index: 4, term: 1 }, [fill(1)]);
  assertEquals(mergeable([job({}), job({}), job({ snapshot }), job({})]), 2);
  assertEquals(mergeable([job({ snapshot }), job({}), job({ snapshot })]), 2);
  const large = job({ entries: [entry(1, 1, fill(300_000))] });
  assertEquals(mergeable([large, large, large]), 2);
  const huge = job({ entries: [entry(1, 1, fill(2_000_000))] });
  assertEquals(mergeable([huge, large]), 1);
});
