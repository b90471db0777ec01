/**
 * What became of records, as serialized RecordAck messages: for those who push, and for sources that
 * are pulled from. They are written by hand in one pass over columns: there is one for every record
 * that passes the router.
 */
import { varintSize, type WireWriter } from "../../proto/wire_writer.ts";
import type { Intake, Outcome } from "../delivery/intake.ts";
import { type Rejection, rejectionMessage } from "../delivery/rejection.ts";

const two32 = 0x1_0000_0000;
const encoder = new TextEncoder();
const noText = new Uint8Array(0);

/** The records whose outcome has become known: the first `freshCount` of `fresh`. */
export type KnownOutcomes = Pick<
  Intake,
  "ids" | "fresh" | "freshCount" | "outcomes" | "reasons"
>;

/** The number on the wire of an outcome, where it is not that of the outcome itself. */
export type StatusOf = (outcome: Outcome, reason: Rejection) => number;

/** Writes one RecordAck, behind `tag`, for each record whose outcome has become known. */
export function writeRecordAcks(
  writer: WireWriter,
  tag: number,
  { ids, fresh, freshCount, outcomes, reasons }: KnownOutcomes,
  statusOf: StatusOf = (outcome) => outcome,
): void {
  let source: string | undefined;
  let name = noText;
  for (let n = 0; n < freshCount; n++) {
    const i = fresh[n]!;
    if (ids.sourceIds[i] !== source) {
      source = ids.sourceIds[i]!;
      name = encoder.encode(source);
    }
    const partition = ids.partitions[i]!;
    const high = ids.sequenceHighs[i]!;
    const low = ids.sequenceLows[i]!;
    const hasSequence = high > 0 || low > 0;
    const idSize = fieldSize(name.length) +
      (partition > 0 ? 1 + varintSize(partition) : 0) +
      (hasSequence ? 1 + sequenceSize(high, low) : 0);
    const reason = reasons[i]!;
    const error = reason === 0 ? noText : errorOf(reason);
    writer.uint32(tag)
      .uint32(1 + varintSize(idSize) + idSize + 2 + fieldSize(error.length))
      .uint32(0x0a).uint32(idSize);
    if (name.length > 0) writer.uint32(0x0a).bytes(name);
    if (partition > 0) writer.uint32(0x10).uint32(partition);
    if (hasSequence) {
      writer.uint32(0x18);
      // Below 2^53 a number is exact, and needs no bigint.
      if (high < 0x20_0000) writer.uint64(high * two32 + low);
      else writer.uint64(BigInt(high) << 32n | BigInt(low));
    }
    writer.uint32(0x10).uint32(statusOf(outcomes[i]!, reason));
    if (error.length > 0) writer.uint32(0x1a).bytes(error);
  }
}

/** Size of a field of so many bytes, with its tag; nothing where there are none. */
function fieldSize(bytes: number): number {
  return bytes > 0 ? 1 + varintSize(bytes) + bytes : 0;
}

const errors: Uint8Array[] = [];

function errorOf(reason: number): Uint8Array {
  return errors[reason] ??= encoder.encode(rejectionMessage(reason));
}

function sequenceSize(high: number, low: number): number {
  if (high === 0) return varintSize(low);
  // The low 28 bits take 4 bytes, what is above them as much as a varint of it.
  const rest = high * 16 + (low >>> 28);
  if (rest < two32) return 4 + varintSize(rest);
  return rest < 2 ** 35 ? 9 : 10;
}
