/**
 * A block: successive entries of the log in one value. A large entry has a block of its own, which
 * may take several values. Each block bears the checksum of the one before it, so that a block which
 * a lost write left in an older version is noticed though it is whole.
 */
import { logBlockBytesMax } from "../limits.ts";
import type { Entry, EntryType } from "../raft/types.ts";
import {
  openRecord,
  readInteger,
  RecordError,
  recordKind,
  seal,
  unseal,
} from "./record.ts";

const types: readonly EntryType[] = ["normal", "confChange", "confChangeV2"];
/** Most that stands before an entry's data: term, type and length. */
const entryHeadBytes = 16;
/** Most that stands before the first entry, with the seal. */
const blockHeadBytes = 32;

/** The end of the block that starts at `start`: as many entries as fit a value, one at least. */
export function blockEnd(entries: readonly Entry[], start: number): number {
  let bytes = blockHeadBytes;
  for (let at = start; at < entries.length; at++) {
    bytes += entryHeadBytes + entries[at]!.data.length;
    if (bytes > logBlockBytesMax && at > start) return at;
  }
  return entries.length;
}

/** The entries from `start` to before `end` as a block after the one whose checksum is `before`. */
export function encodeBlock(
  entries: readonly Entry[],
  start: number,
  end: number,
  before: number,
): Uint8Array {
  let bytes = blockHeadBytes;
  for (let at = start; at < end; at++) {
    bytes += entryHeadBytes + entries[at]!.data.length;
  }
  const writer = openRecord(recordKind.block, bytes);
  writer.uint64(entries[start]!.index).fixed32(before).uint32(end - start);
  for (let at = start; at < end; at++) {
    const { term, type, data } = entries[at]!;
    writer.uint64(term).uint32(types.indexOf(type)).bytes(data);
  }
  return seal(writer);
}

/** What a block holds. */
export interface LogBlock {
  readonly entries: readonly Entry[];
  /** Checksum of the block before it, 0 when there was none. */
  readonly before: number;
}

/** The block that stands at index `first`; RecordError when it is not that one. */
export function decodeBlock(sealed: Uint8Array, first: number): LogBlock {
  return unseal(recordKind.block, sealed, (body) => {
    const found = readInteger(body);
    if (found !== first) throw new RecordError(`is the block of ${found}`);
    const before = body.fixed32();
    const count = body.uint32();
    const entries: Entry[] = [];
    // The count may be anything: the body ends before a wrong one does harm.
    for (let at = 0; at < count; at++) {
      const term = readInteger(body);
      const type = types[body.uint32()];
      if (type === undefined) throw new RecordError("has an unknown type");
      entries.push({ term, index: first + at, type, data: body.bytes() });
    }
    if (count === 0) throw new RecordError("is a block without entries");
    return { entries, before };
  });
}
