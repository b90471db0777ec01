/** A manifest comes from peers: what it is must be certain, or it is refused. */
import { assertEquals, assertThrows } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import {
  decodeManifest,
  encodeManifest,
  sameSnapshot,
} from "../../../lib/storage/manifest.ts";
import type { SnapshotManifest } from "../../../lib/storage/store.ts";

const manifest: SnapshotManifest = {
  index: 2 ** 53 - 1,
  term: 2 ** 40,
  confState: {
    voters: [1, 2, 300],
    votersOutgoing: [1, 2, 4],
    learners: [7],
    learnersNext: [2 ** 53 - 1],
    autoLeave: true,
  },
  chunks: 20_000,
  bytes: 5_000_000_000,
  checksum: 0xffff_ffff,
};

function refused(data: Uint8Array, what: string): void {
  const error = assertThrows(
    () => decodeManifest(data),
    ConveyorError,
    undefined,
    what,
  );
  assertEquals(error.code, Code.DataLoss, what);
}

Deno.test("decodeManifest() gives back what encodeManifest() was given", () => {
  assertEquals(decodeManifest(encodeManifest(manifest)), manifest);
  const empty = { ...manifest, chunks: 0, bytes: 0, checksum: 0 };
  assertEquals(decodeManifest(encodeManifest(empty)), empty);
});

Deno.test("decodeManifest() refuses every flipped bit, every cut and anything more", () => {
  const data = encodeManifest(manifest);
  for (let bit = 0; bit < data.length * 8; bit++) {
    const damaged = data.slice();
    damaged[bit >> 3]! ^= 1 << (bit & 7);
    refused(damaged, `bit ${bit}`);
  }
  for (let end = 0; end < data.length; end++) {
    refused(data.subarray(0, end), `cut at ${end}`);
  }
  refused(Uint8Array.of(...data, 0), "one more");
});

Deno.test("decodeManifest() refuses one that contradicts itself though its checksum fits", () => {
  const { confState } = manifest;
  const wrong: Partial<SnapshotManifest>[] = [
    { index: 0 },
    { term: 0 },
    { chunks: 0 },
    { chunks: 5_000_000_001 },
    { chunks: 19_000 },
    { confState: { ...confState, voters: [2, 1] } },
    { confState: { ...confState, learners: [0] } },
    { confState: { ...confState, learnersNext: [3, 3] } },
  ];
  for (const part of wrong) {
    refused(encodeManifest({ ...manifest, ...part }), Deno.inspect(part));
  }
});

Deno.test("sameSnapshot() compares place and bytes", () => {
  assertEquals(sameSnapshot(manifest, { ...manifest }), true);
  for (
    const part of ["index", "term", "chunks", "bytes", "checksum"] as const
  ) {
    const other = { ...manifest, [part]: manifest[part] - 1 };
    assertEquals(sameSnapshot(manifest, other), false, part);
  }
});
