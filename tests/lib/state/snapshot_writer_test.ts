import { assert, assertEquals } from "@std/assert";
import { snapshotChunkBytesMax } from "../../../lib/limits.ts";
import { snapshotChunks } from "../../../lib/state/snapshot_writer.ts";
import type { SnapshotEntries } from "../../../lib/state/types.ts";

Deno.test("snapshotChunks() are of one size but for the last, however large an entry is", () => {
  const config = new Uint8Array(3 * snapshotChunkBytesMax);
  const part: SnapshotEntries = [{ pipeline: { pipelineId: "p", config } }];
  const sizes = Array.from(snapshotChunks([part]), ({ length }) => length);
  assertEquals(sizes.length, 4);
  assertEquals(sizes.slice(0, 3), Array(3).fill(snapshotChunkBytesMax));
  assert(sizes[3]! < 200);
});

Deno.test("snapshotChunks() draws entries only as chunks are drawn", () => {
  let drawn = 0;
  function* part(): SnapshotEntries {
    for (; drawn < 100; drawn++) {
      yield { pipeline: { config: new Uint8Array(snapshotChunkBytesMax / 2) } };
    }
  }
  const chunks = snapshotChunks([part()])[Symbol.iterator]();
  assertEquals(drawn, 0);
  chunks.next();
  assert(drawn <= 2);
});
