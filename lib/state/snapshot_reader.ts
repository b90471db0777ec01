/**
 * The entries of a snapshot, checked: a chunk that is damaged, missing, repeated or cut short is
 * DataLoss that says where, a form of a newer version is FailedPrecondition. The chunks may come cut
 * in other places than they were made in.
 */
import { crc32c } from "../crc32c.ts";
import { Code, ConveyorError } from "../errors.ts";
import { snapshotChunkBytesMax } from "../limits.ts";
import { codecOf } from "../../proto/codec.ts";
import type { SnapshotEntry } from "../../proto/messages/state.ts";
import { schema } from "../../proto/schema.ts";
import { WireError, WireReader } from "../../proto/wire.ts";
import { frameBytes, snapshotVersion } from "./snapshot_writer.ts";

const codec = codecOf<SnapshotEntry>(
  schema.lookupType("conveyor.state.SnapshotEntry"),
);
const nothing = new Uint8Array(0);

/** The entries between the first and the last one. */
export function* snapshotEntries(
  chunks: Iterable<Uint8Array>,
): Generator<SnapshotEntry> {
  let count = 0;
  let ended = false;
  for (const entry of messages(frames(chunks))) {
    if (ended) throw damaged("there is more after its end");
    if (count === 0) checkHeader(entry);
    else if (entry.end) {
      if (entry.end.entries !== count) {
        throw damaged(`it has ${count} entries of ${entry.end.entries}`);
      }
      ended = true;
    } else yield entry;
    count++;
  }
  if (!ended) throw damaged("it is cut short");
}

function checkHeader({ header }: SnapshotEntry): void {
  if (!header) throw damaged("it does not start with its version");
  if (header.version > snapshotVersion) {
    throw new ConveyorError(
      Code.FailedPrecondition,
      `Cannot restore snapshot: its form ${header.version} is newer than ${snapshotVersion}, the newest that this version reads`,
    );
  }
}

/** The messages that lie, each after its length, in the contents of frames. */
function* messages(contents: Iterable<Uint8Array>): Generator<SnapshotEntry> {
  let rest: Uint8Array = nothing;
  for (const content of contents) {
    const reader = new WireReader(joined(rest, content));
    let start = 0;
    for (;;) {
      start = reader.pos;
      const entry = nextMessage(reader);
      if (!entry) break;
      yield entry;
    }
    rest = reader.buf.subarray(start);
  }
  if (rest.length > 0) throw damaged("it is cut short inside an entry");
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

/** The checked contents of the frames that lie in `chunks`. */
function* frames(chunks: Iterable<Uint8Array>): Generator<Uint8Array> {
  let rest: Uint8Array = nothing;
  let offset = 0;
  let crc = 0;
  for (const chunk of chunks) {
    rest = joined(rest, chunk);
    while (rest.length >= frameBytes) {
      const view = new DataView(rest.buffer, rest.byteOffset, frameBytes);
      const length = view.getUint32(0, true);
      if (length === 0 || length > snapshotChunkBytesMax - frameBytes) {
        throw damaged(`the chunk at byte ${offset} has the length ${length}`);
      }
      if (rest.length < frameBytes + length) break;
      const content = rest.subarray(frameBytes, frameBytes + length);
      crc = crc32c(content, crc);
      if (crc !== view.getUint32(4, true)) {
        throw damaged(`the chunk at byte ${offset} fails its checksum`);
      }
      yield content;
      rest = rest.subarray(frameBytes + length);
      offset += frameBytes + length;
    }
  }
  if (rest.length > 0) throw damaged("it is cut short inside a chunk");
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
