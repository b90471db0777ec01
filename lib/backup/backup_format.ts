/**
 * A backup as bytes: eight that say what it is, a head with a checksum, and behind it the state's own
 * snapshot, whose chunks have checksums and an end. A cut or damaged one is DataLoss, one of a newer
 * version FailedPrecondition.
 */
import { codecOf } from "../../proto/codec.ts";
import type { BackupHead } from "../../proto/messages/state.ts";
import { schema } from "../../proto/schema.ts";
import { WireError } from "../../proto/wire.ts";
import { crc32c } from "../crc32c.ts";
import { Code, ConveyorError } from "../errors.ts";

/** Raised when an older version could not read it. */
const formatVersion = 1;
const magic = new TextEncoder().encode("CONVEYOR");
/** The magic, the length of the head, and its CRC-32C, both little-endian. */
const fixedBytes = magic.length + 8;
const headBytesMax = 4_096;

const codec = codecOf<BackupHead>(
  schema.lookupType("conveyor.state.BackupHead"),
);

/** What stands before the state's snapshot. */
export function encodeHead(head: Omit<BackupHead, "version">): Uint8Array {
  const body = codec.encode({ ...head, version: formatVersion });
  const bytes = new Uint8Array(fixedBytes + body.length);
  bytes.set(magic);
  const view = new DataView(bytes.buffer, magic.length);
  view.setUint32(0, body.length, true);
  view.setUint32(4, crc32c(body), true);
  bytes.set(body, fixedBytes);
  return bytes;
}

/** Takes a backup apart as its bytes come. */
export class BackupReader {
  #start: Uint8Array = new Uint8Array(0);
  #head: BackupHead | undefined;

  /** What stands first; DataLoss when it is not there yet. */
  get head(): BackupHead {
    if (this.#head) return this.#head;
    throw damaged("it is cut short inside its head");
  }

  /** Takes the next bytes; gives those among them that are of the state's snapshot. */
  push(piece: Uint8Array): Uint8Array {
    if (this.#head) return piece;
    const start = new Uint8Array(this.#start.length + piece.length);
    start.set(this.#start);
    start.set(piece, this.#start.length);
    this.#start = start;
    const end = this.#readHead(start);
    return start.subarray(end);
  }

  /** Where the head ends; the end of `bytes` when not all of it is there yet. */
  #readHead(bytes: Uint8Array): number {
    const known = Math.min(bytes.length, magic.length);
    if (magic.subarray(0, known).some((byte, at) => byte !== bytes[at])) {
      throw damaged("it does not begin like a backup");
    }
    if (bytes.length < fixedBytes) return bytes.length;
    const view = new DataView(bytes.buffer, magic.length, 8);
    const length = view.getUint32(0, true);
    if (length > headBytesMax) throw damaged(`its head has ${length} bytes`);
    const end = fixedBytes + length;
    if (bytes.length < end) return bytes.length;
    const body = bytes.subarray(fixedBytes, end);
    if (crc32c(body) !== view.getUint32(4, true)) {
      throw damaged("its head fails its checksum");
    }
    this.#head = checkedHead(body);
    return end;
  }
}

function checkedHead(body: Uint8Array): BackupHead {
  let head: BackupHead;
  try {
    head = codec.decode(body);
  } catch (error) {
    if (error instanceof WireError) throw damaged(error.message);
    throw error;
  }
  if (head.version <= formatVersion) return head;
  throw new ConveyorError(
    Code.FailedPrecondition,
    `Cannot read the backup: its form ${head.version} is newer than ${formatVersion}, the newest that this version reads`,
  );
}

function damaged(what: string): ConveyorError {
  return new ConveyorError(
    Code.DataLoss,
    `Cannot read the backup: ${what}`,
  );
}
