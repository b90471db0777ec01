import { assertEquals } from "@std/assert";
import { watermarkPartitionsMax } from "../../../lib/limits.ts";
import { Watermarks } from "../../../lib/routing/watermark.ts";
import type { Watermark } from "../../../proto/messages/common.ts";

function mark(
  sourceId: string,
  partition: number,
  position: bigint,
  seconds?: number,
  nanos = 0,
): Watermark {
  return {
    sourceId,
    partition,
    position,
    timestamp: seconds === undefined
      ? undefined
      : { seconds: BigInt(seconds), nanos },
  };
}

Deno.test("Watermarks.raise() lets position and time rise, each for itself", () => {
  const marks = new Watermarks(1_000);
  assertEquals(marks.raise(mark("s", 0, 10n, 5), 0), "raised");
  assertEquals(marks.raise(mark("s", 0, 9n, 5), 0), "lower");
  assertEquals(marks.raise(mark("s", 0, 10n, 4, 999), 0), "lower");
  assertEquals(marks.get("s", 0), mark("s", 0, 10n, 5));
  assertEquals(marks.raise(mark("s", 0, 3n, 5, 1), 0), "raised");
  assertEquals(marks.get("s", 0), mark("s", 0, 10n, 5, 1));
  assertEquals(marks.raise(mark("s", 0, 2n ** 64n - 1n), 0), "raised");
  assertEquals(marks.get("s", 0), mark("s", 0, 2n ** 64n - 1n, 5, 1));
});

Deno.test("Watermarks.get() knows each partition of each source by itself", () => {
  const marks = new Watermarks(1_000);
  marks.raise(mark("a", 1, 1n, 1), 0);
  marks.raise(mark("b", 1, 2n, 2), 0);
  assertEquals(marks.get("a", 1), mark("a", 1, 1n, 1));
  assertEquals(marks.get("b", 1), mark("b", 1, 2n, 2));
  assertEquals(marks.get("a", 2), undefined);
});

Deno.test("Watermarks.global() is the lowest over active partitions", () => {
  const marks = new Watermarks(1_000);
  assertEquals(marks.global(0), undefined);
  marks.raise(mark("a", 0, 1n, 50), 0);
  marks.raise(mark("b", 0, 1n, 40), 0);
  marks.raise(mark("b", 1, 1n), 0); // has told no time: holds nobody back
  assertEquals(marks.global(0), mark("b", 0, 1n, 40));
  marks.raise(mark("b", 0, 2n, 60), 0);
  assertEquals(marks.global(0), mark("a", 0, 1n, 50));
});

Deno.test("Watermarks.global() leaves idle partitions out, until they are heard of again", () => {
  const marks = new Watermarks(1_000);
  marks.raise(mark("slow", 0, 1n, 10), 0);
  marks.raise(mark("fast", 0, 1n, 90), 500);
  assertEquals(marks.global(999)?.sourceId, "slow");
  marks.touch("slow", 0, 600);
  assertEquals(marks.global(1_400)?.sourceId, "slow");
  assertEquals(marks.global(1_499)?.sourceId, "slow");
  marks.touch("fast", 0, 1_600);
  assertEquals(marks.global(1_600)?.sourceId, "fast");
});

Deno.test("Watermarks.global() never falls", () => {
  const marks = new Watermarks(1_000);
  marks.raise(mark("a", 0, 1n, 50), 0);
  assertEquals(marks.global(0)?.timestamp?.seconds, 50n);
  marks.raise(mark("late", 0, 1n, 10), 0);
  assertEquals(marks.global(0)?.timestamp?.seconds, 50n);
  assertEquals(marks.global(9_999)?.timestamp?.seconds, 50n); // all idle
  marks.raise(mark("late", 0, 1n, 60), 10_000);
  assertEquals(marks.global(10_000)?.timestamp?.seconds, 60n);
});

Deno.test("Watermarks.touch() takes no time back", () => {
  const marks = new Watermarks(1_000);
  marks.raise(mark("a", 0, 1n, 1), 5_000);
  marks.touch("a", 0, 0);
  marks.touch("nobody", 0, 0);
  assertEquals(marks.global(5_999)?.sourceId, "a");
});

Deno.test("Watermarks.raise() forgets idle partitions at its bound, and refuses new ones else", () => {
  const marks = new Watermarks(1_000);
  for (let i = 0; i < watermarkPartitionsMax; i++) {
    marks.raise(mark("s", i, 1n, 1), i === 7 ? 500 : 0);
  }
  assertEquals(marks.raise(mark("new", 0, 1n, 2), 900), "full");
  assertEquals(marks.raise(mark("s", 3, 2n, 1), 900), "raised");
  // The next look at all of them is due one time-out after the last.
  assertEquals(marks.raise(mark("new", 0, 1n, 2), 1_400), "full");
  assertEquals(marks.raise(mark("new", 0, 1n, 2), 1_900), "raised");
  assertEquals(marks.get("s", 0), undefined);
});
