import { assertEquals } from "@std/assert";
import { ResultMatch } from "../../../lib/delivery/result_match.ts";
import { firstPositions, Work } from "../../../lib/delivery/work.ts";
import { loadOf, recordsOf, viewOf } from "../../fixtures/loads.ts";

function workOf(...sequences: readonly (number | bigint)[]): Work {
  const work = new Work();
  work.addLoad(loadOf(recordsOf(...sequences)));
  work.addRange("all", 0, sequences.length);
  return work;
}

function matched(
  work: Work,
  sent: Uint32Array,
  ...results: readonly (number | bigint)[]
): { positions: number[]; unknown: number } {
  const match = new ResultMatch();
  match.match(viewOf(recordsOf(...results)).ids, work, sent);
  return {
    positions: Array.from(match.positions.subarray(0, results.length)),
    unknown: match.unknown,
  };
}

Deno.test("ResultMatch finds results in the order of the records, and in any other", () => {
  const work = workOf(5, 6, 7);
  const sent = firstPositions(3);
  assertEquals(matched(work, sent, 5, 6, 7).positions, [0, 1, 2]);
  assertEquals(matched(work, sent, 7, 5, 6).positions, [2, 0, 1]);
  assertEquals(matched(work, sent, 5, 7, 6).positions, [0, 2, 1]);
});

Deno.test("ResultMatch marks results about records that were not sent, or answered before", () => {
  const work = workOf(5, 6, 7);
  assertEquals(matched(work, Uint32Array.of(0, 2), 5, 6, 7, 9), {
    positions: [0, -1, 2, -1],
    unknown: 2,
  });
  assertEquals(matched(work, firstPositions(3), 5, 5), {
    positions: [0, -1],
    unknown: 1,
  });
});

Deno.test("ResultMatch gives records with the same identity their results in order", () => {
  const work = workOf(5, 6, 5);
  assertEquals(matched(work, firstPositions(3), 6, 5, 5).positions, [1, 0, 2]);
});

Deno.test("ResultMatch compares identities over the whole range", () => {
  const work = workOf(2n ** 32n + 1n, 1n, 2n ** 64n - 1n);
  assertEquals(
    matched(work, firstPositions(3), 1n, 2n ** 64n - 1n, 2n ** 32n + 1n)
      .positions,
    [1, 2, 0],
  );
});
