/**
 * The manifest of a snapshot as bytes: what the store keeps, and what nodes send each other in the
 * `data` of a Raft snapshot. Its checksum covers every chunk, so whoever holds a manifest can tell
 * whether what he received is the snapshot it tells of.
 */
import { Code, ConveyorError } from "../errors.ts";
import { snapshotChunkBytesMax } from "../limits.ts";
import type { WireReader } from "../../proto/wire.ts";
import type { WireWriter } from "../../proto/wire_writer.ts";
import type { ConfState } from "../raft/types.ts";
import {
  openRecord,
  readInteger,
  RecordError,
  recordKind,
  seal,
  unseal,
} from "./record.ts";
import type { SnapshotManifest } from "./store.ts";

/** The manifest as bytes, sealed. */
export function encodeManifest(manifest: SnapshotManifest): Uint8Array {
  const { index, term, confState, chunks, bytes } = manifest;
  const writer = openRecord(recordKind.manifest);
  writer.uint64(index).uint64(term);
  writeIds(writer, confState.voters);
  writeIds(writer, confState.votersOutgoing);
  writeIds(writer, confState.learners);
  writeIds(writer, confState.learnersNext);
  writer.bool(confState.autoLeave);
  writer.uint64(chunks).uint64(bytes).fixed32(manifest.checksum);
  return seal(writer);
}

/** The manifest that `data` holds; DataLoss when it is damaged or contradicts itself. */
export function decodeManifest(data: Uint8Array): SnapshotManifest {
  try {
    return openManifest(data);
  } catch (error) {
    if (!(error instanceof RecordError)) throw error;
    throw new ConveyorError(
      Code.DataLoss,
      `Cannot read the manifest of a snapshot: it ${error.message}`,
      { cause: error },
    );
  }
}

/** Whether both tell of the same bytes at the same place of the log. */
export function sameSnapshot(
  one: SnapshotManifest,
  other: SnapshotManifest,
): boolean {
  return one.index === other.index && one.term === other.term &&
    one.chunks === other.chunks && one.bytes === other.bytes &&
    one.checksum === other.checksum;
}

/** As `decodeManifest`, for a value of the store itself. */
export function openManifest(sealed: Uint8Array): SnapshotManifest {
  const manifest = unseal(recordKind.manifest, sealed, readManifest);
  const { index, term, chunks, bytes } = manifest;
  if (index === 0 || term === 0) throw new RecordError("tells of no snapshot");
  if (bytes < chunks || bytes > chunks * snapshotChunkBytesMax) {
    throw new RecordError(`tells of ${bytes} bytes in ${chunks} chunks`);
  }
  return manifest;
}

function readManifest(body: WireReader): SnapshotManifest {
  return {
    index: readInteger(body),
    term: readInteger(body),
    confState: readConfState(body),
    chunks: readInteger(body),
    bytes: readInteger(body),
    checksum: body.fixed32(),
  };
}

function readConfState(body: WireReader): ConfState {
  return {
    voters: readIds(body),
    votersOutgoing: readIds(body),
    learners: readIds(body),
    learnersNext: readIds(body),
    autoLeave: body.bool(),
  };
}

function writeIds(writer: WireWriter, ids: readonly number[]): void {
  writer.uint32(ids.length);
  for (const id of ids) writer.uint64(id);
}

function readIds(body: WireReader): number[] {
  const ids: number[] = [];
  // The count may be anything: the body ends before a wrong one does harm.
  for (let left = body.uint32(); left > 0; left--) {
    const id = readInteger(body);
    if (id <= (ids.at(-1) ?? 0)) throw new RecordError("has ids out of order");
    ids.push(id);
  }
  return ids;
}
