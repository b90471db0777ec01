import { assertEquals } from "@std/assert";
import {
  countWithin,
  entriesBytes,
  entryBytes,
  entryFrameBytes,
  payloadBytes,
} from "../../../lib/raft/entry_size.ts";
import { entry } from "../../fixtures/raft_network.ts";

const frame = entryFrameBytes;
const entries = [entry(1, 1, "aa"), entry(1, 2, "bbb"), entry(1, 3)];

Deno.test("payloadBytes() counts the data alone, so that an empty entry is free", () => {
  assertEquals(payloadBytes(entries), 5);
  assertEquals(payloadBytes([entry(1, 1)]), 0);
});

Deno.test("entriesBytes() counts the frames too", () => {
  assertEquals(entriesBytes(entries), 5 + 3 * frame);
  assertEquals(entryBytes(entries[0]!), 2 + frame);
});

for (
  const [max, count] of [
    [0, 1],
    [2 + frame, 1],
    [4 + 2 * frame, 1],
    [5 + 2 * frame, 2],
    [5 + 3 * frame, 3],
    [Infinity, 3],
  ] as const
) {
  Deno.test(`countWithin() takes ${count} of three entries within ${max} bytes`, () => {
    assertEquals(countWithin(entries, 0, 3, max), count);
  });
}

Deno.test("countWithin() takes none where there are none", () => {
  assertEquals(countWithin(entries, 3, 3, 100), 0);
  assertEquals(countWithin(entries, 3, 2, 100), 0);
});
