/**
 * A snapshot of the state as bytes: SnapshotEntry messages, each after its length, in chunks of at
 * most 256 KiB. Each carries its length and the CRC-32C of all content up to its end, so that a chunk
 * lost or out of place shows like one that is damaged. Entries are encoded as chunks are drawn: no
 * more than a chunk's work is done at a time.
 */
import { crc32c } from "../crc32c.ts";
import { snapshotChunkBytes } from "../limits.ts";
import { codecOf, type MessageInit } from "../../proto/codec.ts";
import type { SnapshotEntry } from "../../proto/messages/state.ts";
import { schema } from "../../proto/schema.ts";
import { varintSize } from "../../proto/wire.ts";
import type { SnapshotEntries } from "./types.ts";

/** Raised when an entry changes its meaning or a new one cannot be left out by an older version. */
export const snapshotVersion = 1;
/** Before each chunk's content: its length and the CRC-32C up to its end, both little-endian. */
export const frameBytes = 8;

const codec = codecOf<SnapshotEntry>(
  schema.lookupType("conveyor.state.SnapshotEntry"),
);

/** The chunks of a snapshot of these parts, in this order. */
export function* snapshotChunks(
  parts: readonly SnapshotEntries[],
): Generator<Uint8Array> {
  const chunk = new Chunk();
  let entries = 0;
  for (const entry of framed(parts)) {
    const bytes = entry instanceof Uint8Array
      ? entry
      : codec.encode("end" in entry ? { end: { entries } } : entry);
    entries++;
    yield* chunk.add(lengthOf(bytes));
    yield* chunk.add(bytes);
  }
  yield chunk.take();
}

/** The parts' entries between the first and the last entry of a snapshot. */
function* framed(parts: readonly SnapshotEntries[]): SnapshotEntries {
  yield { header: { version: snapshotVersion } };
  for (const part of parts) yield* part;
  yield { end: {} } satisfies MessageInit<SnapshotEntry>;
}

function lengthOf(bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(varintSize(bytes.length));
  let rest = bytes.length;
  for (let i = 0; i < out.length; i++, rest >>>= 7) {
    out[i] = i < out.length - 1 ? rest & 127 | 128 : rest;
  }
  return out;
}

/** The chunk being filled. */
class Chunk {
  #bytes = new Uint8Array(snapshotChunkBytes);
  #filled = frameBytes;
  #crc = 0;

  /** Appends `bytes`, which may fill any number of chunks. */
  *add(bytes: Uint8Array): Generator<Uint8Array> {
    let rest = bytes;
    while (rest.length > 0) {
      if (this.#filled === snapshotChunkBytes) yield this.take();
      const part = rest.subarray(0, snapshotChunkBytes - this.#filled);
      this.#bytes.set(part, this.#filled);
      this.#filled += part.length;
      rest = rest.subarray(part.length);
    }
  }

  /** The chunk as far as it is filled; a new one is begun. */
  take(): Uint8Array {
    const chunk = this.#bytes.subarray(0, this.#filled);
    const content = chunk.subarray(frameBytes);
    const frame = new DataView(chunk.buffer, 0, frameBytes);
    frame.setUint32(0, content.length, true);
    this.#crc = crc32c(content, this.#crc);
    frame.setUint32(4, this.#crc, true);
    this.#bytes = new Uint8Array(snapshotChunkBytes);
    this.#filled = frameBytes;
    return chunk;
  }
}
