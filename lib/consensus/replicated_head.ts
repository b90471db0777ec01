/**
 * The part of a snapshot that consensus itself keeps beside the state machine: the time, the members
 * with their addresses, and the requests applied lately. Written as one sequence
 * under a version; equal state gives equal bytes.
 */
import { Code, ConveyorError } from "../errors.ts";
import { snapshotChunkBytesMax } from "../limits.ts";
import { WireError, WireReader } from "../../proto/wire.ts";
import { WireWriter } from "../../proto/wire_writer.ts";
import type { Member } from "./members.ts";
import { damaged } from "./snapshot_frames.ts";

/** What stands before the machine's chunks. */
export interface ReplicatedHead {
  readonly atMs: number;
  readonly members: readonly Member[];
  readonly requests: readonly (readonly [key: string, answer: Uint8Array])[];
}

const formatVersion = 1;

/** The head as chunks. The first says how many there are, and holds all but the requests. */
export function* encodeHead(
  head: ReplicatedHead,
): Generator<Uint8Array, void, void> {
  const { atMs, members, requests } = head;
  const groups = grouped(requests);
  const writer = new WireWriter().uint32(formatVersion).uint32(groups.length)
    .double(atMs).uint32(members.length);
  for (const { id, address, removed } of members) {
    writer.uint64(id).string(address).bool(removed);
  }
  yield writer.finish();
  for (const group of groups) {
    const writer = new WireWriter();
    for (const [key, answer] of group) {
      writer.bytes(Uint8Array.fromHex(key)).bytes(answer);
    }
    yield writer.finish();
  }
}

/** Reads a head from the first of `chunks`; what is left of them is the machine's. */
export async function decodeHead(
  chunks: AsyncIterator<Uint8Array>,
): Promise<ReplicatedHead> {
  try {
    const reader = new WireReader(await next(chunks));
    const version = reader.uint32();
    if (version !== formatVersion) throw newer(version);
    const groups = reader.uint32();
    const atMs = reader.double();
    const members = list(reader, () => ({
      id: Number(reader.uint64()),
      address: reader.string(),
      removed: reader.bool(),
    }));
    const requests: (readonly [string, Uint8Array])[] = [];
    for (let group = 0; group < groups; group++) {
      const reader = new WireReader(await next(chunks));
      while (reader.pos < reader.end) {
        requests.push([reader.bytes().toHex(), reader.bytes().slice()]);
      }
    }
    return { atMs, members, requests };
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw damaged(`its head is malformed: ${cause.message}`);
  }
}

function grouped(
  requests: ReplicatedHead["requests"],
): (readonly [string, Uint8Array])[][] {
  const groups: (readonly [string, Uint8Array])[][] = [];
  let bytes = Infinity;
  for (const request of requests) {
    const size = request[0].length + request[1].length;
    if (bytes + size > snapshotChunkBytesMax) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)!.push(request);
    bytes += size;
  }
  return groups;
}

function list<T>(reader: WireReader, read: () => T): T[] {
  const items: T[] = [];
  for (let left = reader.uint32(); left > 0; left--) items.push(read());
  return items;
}

async function next(chunks: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  const { value, done } = await chunks.next();
  if (done) throw damaged("it ends within its head");
  return value;
}

function newer(version: number): ConveyorError {
  return new ConveyorError(
    Code.FailedPrecondition,
    `Cannot restore the snapshot: it is of format ${version}, and this version reads ${formatVersion}; use the version that wrote it, or a later one`,
  );
}
