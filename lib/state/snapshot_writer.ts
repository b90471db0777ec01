/**
 * A snapshot of the state as bytes: SnapshotEntry messages, each after its length, in chunks of at
 * most 256 KiB. Each carries its length and the CRC-32C of all content up to its end, so that a chunk
 * lost or out of place shows like one that is damaged. Entries are encoded as chunks are drawn: no
 * more than a chunk's work is done at a time.
 */
import { crc32c } from "../crc32c.ts";
import { snapshotChunkBytesMax } from "../limits.ts";
import { codecOf, type MessageInit } from "../../proto/codec.ts";
import type { SnapshotEntry } from "../../proto/messages/state.ts";
import { schema } from "../../proto/schema.ts";
import type { SnapshotEntries } from "./types.ts";

/** Raised when an entry changes its meaning or a new one cannot be left out by an older version. */
export const snapshotVersion = 1;
/** Before each chunk's content: its length and the CRC-32C up to its end, both little-endian. */
export const frameBytes = 8;
/** What an entry's length may take. */
const lengthBytesMax = 5;

const codec = codecOf<SnapshotEntry>(
  schema.lookupType("conveyor.state.SnapshotEntry"),
);

/** The chunks of a snapshot of these parts, in this order, of a state that so many commands made. */
export function* snapshotChunks(
  parts: readonly SnapshotEntries[],
  commands = 0,
): Generator<Uint8Array> {
  const chunk = new Chunk();
  let entries = 0;
  for (const entry of framed(parts, commands)) {
    const bytes = entry instanceof Uint8Array
      ? entry
      : codec.encode("end" in entry ? { end: { entries } } : entry);
    entries++;
    if (!chunk.hasRoom(lengthBytesMax)) yield chunk.take();
    chunk.addLength(bytes.length);
    // An entry may fill any number of chunks.
    for (let rest = chunk.add(bytes); rest.length > 0; rest = chunk.add(rest)) {
      yield chunk.take();
    }
  }
  yield chunk.take();
}

/** The parts' entries between the first and the last entry of a snapshot. */
function* framed(
  parts: readonly SnapshotEntries[],
  commands: number,
): SnapshotEntries {
  yield { header: { version: snapshotVersion, commands } };
  for (const part of parts) yield* part;
  yield { end: {} } satisfies MessageInit<SnapshotEntry>;
}

/** The chunk being filled. */
class Chunk {
  #bytes = new Uint8Array(snapshotChunkBytesMax);
  #filled = frameBytes;
  #crc = 0;

  hasRoom(bytes: number): boolean {
    return this.#filled + bytes <= snapshotChunkBytesMax;
  }

  /** Appends the length of an entry, as a varint. */
  addLength(length: number): void {
    for (; length > 127; length >>>= 7) {
      this.#bytes[this.#filled++] = length & 127 | 128;
    }
    this.#bytes[this.#filled++] = length;
  }

  /** Appends what there is room for; the rest is for the next chunk. */
  add(bytes: Uint8Array): Uint8Array {
    const part = bytes.subarray(0, snapshotChunkBytesMax - this.#filled);
    this.#bytes.set(part, this.#filled);
    this.#filled += part.length;
    return bytes.subarray(part.length);
  }

  /** The chunk as far as it is filled; a new one is begun. */
  take(): Uint8Array {
    const chunk = this.#bytes.subarray(0, this.#filled);
    const content = chunk.subarray(frameBytes);
    const frame = new DataView(chunk.buffer, 0, frameBytes);
    frame.setUint32(0, content.length, true);
    this.#crc = crc32c(content, this.#crc);
    frame.setUint32(4, this.#crc, true);
    this.#bytes = new Uint8Array(snapshotChunkBytesMax);
    this.#filled = frameBytes;
    return chunk;
  }
}
