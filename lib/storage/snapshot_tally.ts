/**
 * Counts the chunks of a snapshot as they pass, in order, and keeps the checksum over them: what a
 * manifest is made from when a snapshot is saved, and held against when one is received or read.
 */
import { invalidArgument } from "../errors.ts";
import { snapshotChunkBytesMax } from "../limits.ts";
import type { Snapshot } from "../raft/types.ts";
import { crc32c } from "../crc32c.ts";
import type { SnapshotManifest } from "./store.ts";

/** Chunks, bytes and checksum of a snapshot so far. */
export class SnapshotTally {
  chunks = 0;
  bytes = 0;
  checksum = 0;

  /** InvalidArgument when `data` cannot be a chunk. */
  static check(data: Uint8Array): void {
    if (data.length === 0 || data.length > snapshotChunkBytesMax) {
      const rule = `must have 1 to ${snapshotChunkBytesMax} bytes`;
      throw invalidArgument("chunk", rule, data);
    }
  }

  /** InvalidArgument when `data` cannot be the next chunk, number `chunk`, of `manifest`. */
  checkNext(
    manifest: SnapshotManifest,
    chunk: number,
    data: Uint8Array,
  ): void {
    if (chunk !== this.chunks || chunk >= manifest.chunks) {
      const next = this.chunks < manifest.chunks
        ? `must be chunk ${this.chunks} of ${manifest.chunks}`
        : `must be none: all ${manifest.chunks} are there`;
      throw invalidArgument("chunk", next, chunk);
    }
    SnapshotTally.check(data);
    if (this.bytes + data.length > manifest.bytes) {
      const rule = `must leave the snapshot within ${manifest.bytes} bytes`;
      throw invalidArgument("chunk", rule, this.bytes + data.length);
    }
  }

  add(data: Uint8Array): void {
    this.chunks++;
    this.bytes += data.length;
    this.checksum = crc32c(data, this.checksum);
  }

  /** The manifest of what passed, as the snapshot at `at`. */
  manifest(
    { index, term, confState }: Pick<Snapshot, "index" | "term" | "confState">,
  ): SnapshotManifest {
    const { chunks, bytes, checksum } = this;
    return { index, term, confState, chunks, bytes, checksum };
  }

  /** Whether what passed is what `manifest` tells of. */
  fits(manifest: SnapshotManifest): boolean {
    return this.chunks === manifest.chunks && this.bytes === manifest.bytes &&
      this.checksum === manifest.checksum;
  }
}
