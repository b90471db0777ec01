/**
 * The entries of a snapshot, checked: a chunk that is damaged, missing, repeated or cut short is
 * DataLoss that says where, a form of a newer version is FailedPrecondition. The chunks may come cut
 * in other places than they were made in.
 */
import { crc32c } from "../crc32c.ts";
import { Code, ConveyorError } from "../errors.ts";
import { snapshotChunkBytesMax } from "../limits.ts";
import { codecOf } from "../../proto/codec.ts";
import type {
  SnapshotEntry,
  SnapshotHeader,
} from "../../proto/messages/state.ts";
import { schema } from "../../proto/schema.ts";
import { WireError, WireReader } from "../../proto/wire.ts";
import { frameBytes, snapshotVersion } from "./snapshot_writer.ts";

const codec = codecOf<SnapshotEntry>(
  schema.lookupType("conveyor.state.SnapshotEntry"),
);
const nothing = new Uint8Array(0);

/** Reads a snapshot chunk by chunk. */
export class SnapshotReader {
  readonly #frames: FrameReader = new FrameReader();
  /** Content behind the last whole entry. */
  #rest: Uint8Array = nothing;
  #header: SnapshotHeader | undefined;
  #count = 0;
  #ended = false;

  /** What stands first; undefined: it was not read yet. */
  get header(): SnapshotHeader | undefined {
    return this.#header;
  }

  /** The entries that are whole with `chunk`, without the first and the last one. */
  push(chunk: Uint8Array): SnapshotEntry[] {
    const entries: SnapshotEntry[] = [];
    for (const content of this.#frames.push(chunk)) {
      const reader = new WireReader(joined(this.#rest, content));
      let start = 0;
      for (;;) {
        start = reader.pos;
        const entry = nextMessage(reader);
        if (!entry) break;
        if (this.#take(entry)) entries.push(entry);
      }
      this.#rest = reader.buf.subarray(start);
    }
    return entries;
  }

  /** There are no more chunks. DataLoss when there should be. */
  end(): void {
    this.#frames.end();
    if (this.#rest.length > 0) throw damaged("it is cut short inside an entry");
    if (!this.#ended) throw damaged("it is cut short");
  }

  /** Whether an entry is one between the first and the last. */
  #take(entry: SnapshotEntry): boolean {
    if (this.#ended) throw damaged("there is more after its end");
    const count = this.#count++;
    if (count === 0) {
      this.#header = checkedHeader(entry);
      return false;
    }
    if (!entry.end) return true;
    if (entry.end.entries !== count) {
      throw damaged(`it has ${count} entries of ${entry.end.entries}`);
    }
    this.#ended = true;
    return false;
  }
}

/** The entries between the first and the last one. */
export function* snapshotEntries(
  chunks: Iterable<Uint8Array>,
): Generator<SnapshotEntry> {
  const reader = new SnapshotReader();
  for (const chunk of chunks) yield* reader.push(chunk);
  reader.end();
}

function checkedHeader({ header }: SnapshotEntry): SnapshotHeader {
  if (!header) throw damaged("it does not start with its version");
  if (header.version > snapshotVersion) {
    throw new ConveyorError(
      Code.FailedPrecondition,
      `Cannot restore snapshot: its form ${header.version} is newer than ${snapshotVersion}, the newest that this version reads`,
    );
  }
  return header;
}

/** The message that starts where the reader is; undefined when it is not all there yet. */
function nextMessage(reader: WireReader): SnapshotEntry | undefined {
  try {
    const end = reader.delimited();
    const bytes = reader.buf.subarray(reader.pos, end);
    reader.pos = end;
    return decoded(bytes);
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    if (error.kind === "length_past_end") return undefined;
    if (error.kind === "truncated_varint") return undefined;
    throw damaged(error.message);
  }
}

function decoded(bytes: Uint8Array): SnapshotEntry {
  try {
    return codec.decode(bytes);
  } catch (error) {
    if (error instanceof WireError) throw damaged(error.message);
    throw error;
  }
}

/** Takes frames out of the chunks that they lie in, and checks them. */
class FrameReader {
  #rest: Uint8Array = nothing;
  #offset = 0;
  #crc = 0;

  /** The contents of the frames that are whole with `chunk`. */
  *push(chunk: Uint8Array): Generator<Uint8Array, void, void> {
    this.#rest = joined(this.#rest, chunk);
    for (;;) {
      const content = this.#next();
      if (!content) return;
      yield content;
    }
  }

  end(): void {
    if (this.#rest.length > 0) throw damaged("it is cut short inside a chunk");
  }

  #next(): Uint8Array | undefined {
    const rest = this.#rest;
    if (rest.length < frameBytes) return undefined;
    const view = new DataView(rest.buffer, rest.byteOffset, frameBytes);
    const length = view.getUint32(0, true);
    if (length === 0 || length > snapshotChunkBytesMax - frameBytes) {
      throw damaged(
        `the chunk at byte ${this.#offset} has the length ${length}`,
      );
    }
    if (rest.length < frameBytes + length) return undefined;
    const content = rest.subarray(frameBytes, frameBytes + length);
    const crc = crc32c(content, this.#crc);
    if (crc !== view.getUint32(4, true)) {
      throw damaged(`the chunk at byte ${this.#offset} fails its checksum`);
    }
    this.#crc = crc;
    this.#rest = rest.subarray(frameBytes + length);
    this.#offset += frameBytes + length;
    return content;
  }
}

function joined(a: Uint8Array, b: Uint8Array): Uint8Array {
  if (a.length === 0) return b;
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}

function damaged(what: string): ConveyorError {
  return new ConveyorError(
    Code.DataLoss,
    `Cannot restore snapshot: ${what}`,
  );
}
