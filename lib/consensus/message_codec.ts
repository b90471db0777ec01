/**
 * Messages of the Raft core as the bytes of `conveyor.cluster.RaftMessage`, and back. By hand,
 * because every entry of every append passes here: the codec of the schema takes a microsecond a
 * field, this a microsecond an append of some entries. The tests hold the two to the same bytes.
 * Byte fields of a message that was read are views of the bytes read.
 */
import { invalidArgument } from "../errors.ts";
import { invariant } from "../invariant.ts";
import { noBytes, noEntries } from "../raft/message.ts";
import type {
  Entry,
  EntryType,
  Message,
  MessageType,
  Snapshot,
} from "../raft/types.ts";
import { WireError, type WireReader } from "../../proto/wire.ts";
import { varintSize, type WireWriter } from "../../proto/wire_writer.ts";
import { exactNumber } from "./exact_number.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot_codec.ts";

/** By their numbers in `conveyor.cluster.RaftMessageType`. */
const types: readonly (MessageType | undefined)[] = [
  undefined,
  "MsgProp",
  "MsgApp",
  "MsgAppResp",
  "MsgVote",
  "MsgVoteResp",
  "MsgPreVote",
  "MsgPreVoteResp",
  "MsgHeartbeat",
  "MsgHeartbeatResp",
  "MsgSnap",
  "MsgTimeoutNow",
  "MsgTransferLeader",
  "MsgReadIndex",
  "MsgReadIndexResp",
];
const typeNumbers: ReadonlyMap<MessageType | undefined, number> = new Map(
  types.map((type, number) => [type, number]),
);
/** By their numbers in `conveyor.cluster.RaftEntryType`. */
const entryTypes: readonly EntryType[] = [
  "normal",
  "confChange",
  "confChangeV2",
];

/** Fields with their wire types, as they stand before their values. */
const varintTag = (field: number): number => field << 3;
const bytesTag = (field: number): number => field << 3 | 2;

/** How many bytes `writeMessage` writes. */
export function messageBytes(message: Message): number {
  const { entries, context, snapshot } = message;
  let bytes = 2 + numberBytes(message.from) + numberBytes(message.to) +
    numberBytes(message.term) + numberBytes(message.logTerm) +
    numberBytes(message.index) + numberBytes(message.commit) +
    numberBytes(message.rejectHint) + (message.reject ? 2 : 0);
  for (const entry of entries) bytes += delimitedBytes(entryBytes(entry));
  if (snapshot) {
    bytes += delimitedBytes(encodeSnapshot(snapshot).length);
  }
  return context.length === 0 ? bytes : bytes + delimitedBytes(context.length);
}

/** Bytes of a value with its length and its tag. */
export function delimitedBytes(length: number): number {
  return 1 + varintSize(length) + length;
}

function entryBytes({ term, index, type, data }: Entry): number {
  return numberBytes(term) + numberBytes(index) + (type === "normal" ? 0 : 2) +
    (data.length === 0 ? 0 : delimitedBytes(data.length));
}

/** With its tag; 0 is left out, as proto3 does. */
function numberBytes(value: number): number {
  if (value === 0) return 0;
  if (value < 0x1_0000_0000) return 1 + varintSize(value);
  return 5 + varintSize(Math.floor(value / 0x1000_0000));
}

/** Writes the fields of a message. */
export function writeMessage(writer: WireWriter, message: Message): void {
  const { type, entries, snapshot, context } = message;
  const number = typeNumbers.get(type);
  invariant(number !== undefined, `a Raft message of type ${type}`);
  writer.uint32(varintTag(1)).uint32(number);
  writeNumber(writer, 2, message.from);
  writeNumber(writer, 3, message.to);
  writeNumber(writer, 4, message.term);
  writeNumber(writer, 5, message.logTerm);
  writeNumber(writer, 6, message.index);
  for (const entry of entries) {
    writer.uint32(bytesTag(7)).uint32(entryBytes(entry));
    writeEntry(writer, entry);
  }
  writeNumber(writer, 8, message.commit);
  if (message.reject) writer.uint32(varintTag(9)).uint32(1);
  writeNumber(writer, 10, message.rejectHint);
  if (snapshot) {
    writer.uint32(bytesTag(11)).bytes(
      encodeSnapshot(snapshot),
    );
  }
  if (context.length > 0) writer.uint32(bytesTag(12)).bytes(context);
}

function writeEntry(writer: WireWriter, entry: Entry): void {
  writeNumber(writer, 1, entry.term);
  writeNumber(writer, 2, entry.index);
  if (entry.type !== "normal") {
    writer.uint32(varintTag(3)).uint32(entryTypes.indexOf(entry.type));
  }
  if (entry.data.length > 0) writer.uint32(bytesTag(4)).bytes(entry.data);
}

function writeNumber(writer: WireWriter, field: number, value: number): void {
  if (value === 0) return;
  writer.uint32(varintTag(field));
  if (value < 0x1_0000_0000) writer.uint32(value);
  else writer.uint64(value);
}

/**
 * Reads a message up to `reader.end`. Malformed bytes are a WireError; a type of a later version, or
 * a number that is not exact, is InvalidArgument.
 */
export function readMessage(reader: WireReader): Message {
  let type: MessageType | undefined;
  let from = 0, to = 0, term = 0, logTerm = 0, index = 0;
  let commit = 0, rejectHint = 0;
  let reject = false;
  let entries: Entry[] | undefined;
  let snapshot: Snapshot | undefined;
  let context = noBytes;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case varintTag(1):
        type = readType(reader);
        break;
      case varintTag(2):
        from = readNumber(reader, "from");
        break;
      case varintTag(3):
        to = readNumber(reader, "to");
        break;
      case varintTag(4):
        term = readNumber(reader, "term");
        break;
      case varintTag(5):
        logTerm = readNumber(reader, "log_term");
        break;
      case varintTag(6):
        index = readNumber(reader, "index");
        break;
      case bytesTag(7):
        (entries ??= []).push(readEntry(reader));
        break;
      case varintTag(8):
        commit = readNumber(reader, "commit");
        break;
      case varintTag(9):
        reject = reader.bool();
        break;
      case varintTag(10):
        rejectHint = readNumber(reader, "reject_hint");
        break;
      case bytesTag(11):
        snapshot = decodeSnapshot(reader.bytes());
        break;
      case bytesTag(12):
        context = reader.bytes();
        break;
      default:
        skipUnknown(reader, tag, 12);
    }
  }
  if (type === undefined) {
    throw invalidArgument("message.type", "must be set", 0);
  }
  return {
    type,
    from,
    to,
    term,
    logTerm,
    index,
    entries: entries ?? noEntries,
    commit,
    vote: 0,
    reject,
    rejectHint,
    snapshot,
    context,
  };
}

/** Reads a message that stands in another, with its length before it. */
export function readNestedMessage(reader: WireReader): Message {
  const { end } = reader;
  reader.end = reader.delimited();
  const message = readMessage(reader);
  reader.end = end;
  return message;
}

function readEntry(reader: WireReader): Entry {
  const outerEnd = reader.end;
  reader.end = reader.delimited();
  let term = 0, index = 0;
  let type: EntryType = "normal";
  let data = noBytes;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case varintTag(1):
        term = readNumber(reader, "entries.term");
        break;
      case varintTag(2):
        index = readNumber(reader, "entries.index");
        break;
      case varintTag(3):
        type = readEntryType(reader);
        break;
      case bytesTag(4):
        data = reader.bytes();
        break;
      default:
        skipUnknown(reader, tag, 4);
    }
  }
  reader.end = outerEnd;
  return { term, index, type, data };
}

function readType(reader: WireReader): MessageType {
  const number = readNumber(reader, "type");
  const type = types[number];
  if (type !== undefined) return type;
  throw invalidArgument(
    "message.type",
    `must be from 1 to ${types.length - 1} in version 1`,
    number,
  );
}

function readEntryType(reader: WireReader): EntryType {
  const number = readNumber(reader, "entries.type");
  const type = entryTypes[number];
  if (type !== undefined) return type;
  throw invalidArgument(
    "message.entries.type",
    `must be from 0 to ${entryTypes.length - 1} in version 1`,
    number,
  );
}

function readNumber(reader: WireReader, field: string): number {
  const { buf, pos } = reader;
  if (pos < reader.end && buf[pos]! < 128) {
    reader.pos = pos + 1;
    return buf[pos]!;
  }
  reader.varint();
  const { high, low } = reader;
  if (high === 0) return low;
  return exactNumber(`message.${field}`, BigInt(high) << 32n | BigInt(low));
}

/** Passes over a field of a later version; a known one of another wire type is malformed. */
export function skipUnknown(
  reader: WireReader,
  tag: number,
  knownMax: number,
): void {
  const field = tag >>> 3;
  if (field <= knownMax) throw new WireError("wrong_wire_type", reader.pos);
  reader.skip(tag & 7, field);
}
