/**
 * Frames of a snapshot's transfer: the header, then the chunks, each with a checksum of its own, so
 * that a damaged chunk is found before it is stored.
 */
import { type Codec, codecOf } from "../../proto/codec.ts";
import type { SnapshotChunk as ProtoChunk } from "../../proto/messages/cluster.ts";
import { schema } from "../../proto/schema.ts";
import { WireReader } from "../../proto/wire.ts";
import { WireWriter } from "../../proto/wire_writer.ts";
import { invalidArgument } from "../errors.ts";
import type { Message } from "../raft/types.ts";
import { exactNumber } from "./exact_number.ts";
import { decodeHello, encodeHello } from "./hello_codec.ts";
import {
  messageBytes,
  readNestedMessage,
  skipUnknown,
  writeMessage,
} from "./message_codec.ts";
import { opened, sealed, type SealedFrame, wellFormed } from "./raft_frame.ts";
import type { Hello } from "./transport.ts";

/** Opens a transfer. */
export interface SnapshotHeader {
  readonly kind: "header";
  readonly hello: Hello;
  readonly message: Message;
}

/** A piece of a snapshot. */
export interface SnapshotChunk {
  readonly kind: "chunk";
  readonly number: number;
  readonly data: Uint8Array;
}

const chunkCodec: Codec<ProtoChunk> = codecOf(
  schema.lookupType("conveyor.cluster.SnapshotChunk"),
);

/** Fields of `SnapshotBody` and `SnapshotHeader`, with their wire type. */
const headerTag = 1 << 3 | 2;
const chunkTag = 2 << 3 | 2;
const helloTag = 1 << 3 | 2;
const messageTag = 2 << 3 | 2;

/** The frame that opens a transfer. */
export function headerFrame(hello: Hello, message: Message): SealedFrame {
  const writer = new WireWriter().uint32(headerTag).fork();
  writer.uint32(helloTag).bytes(encodeHello(hello));
  writer.uint32(messageTag).uint32(messageBytes(message));
  writeMessage(writer, message);
  return sealed(writer.ldelim().finish());
}

/** The frame of a chunk. */
export function chunkFrame(number: number, data: Uint8Array): SealedFrame {
  const chunk = chunkCodec.encode({ number: BigInt(number), data });
  return sealed(
    new WireWriter(chunk.length + 8).uint32(chunkTag).bytes(chunk).finish(),
  );
}

/** What a frame that came in holds; InvalidArgument when it is not whole. */
export function readSnapshotFrame(
  frame: SealedFrame,
): SnapshotHeader | SnapshotChunk {
  const body = opened(frame);
  return wellFormed(() => readBody(new WireReader(body)));
}

function readBody(reader: WireReader): SnapshotHeader | SnapshotChunk {
  const tag = reader.tag();
  const bytes = reader.bytes();
  // A oneof, so nothing may follow.
  if (reader.pos === reader.end) {
    if (tag === headerTag) return readHeader(new WireReader(bytes));
    if (tag === chunkTag) return readChunk(bytes);
  }
  throw invalidArgument(
    "frame.body",
    "must hold one header or one chunk",
    `field ${tag >>> 3}`,
  );
}

function readHeader(reader: WireReader): SnapshotHeader {
  let hello: Hello | undefined;
  let message: Message | undefined;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case helloTag:
        hello = decodeHello(reader.bytes());
        break;
      case messageTag:
        message = readNestedMessage(reader);
        break;
      default:
        skipUnknown(reader, tag, 2);
    }
  }
  if (!hello || !message) {
    throw invalidArgument(
      hello ? "header.message" : "header.hello",
      "must be set",
      undefined,
    );
  }
  return { kind: "header", hello, message };
}

function readChunk(bytes: Uint8Array): SnapshotChunk {
  const { number, data } = chunkCodec.decode(bytes);
  return { kind: "chunk", number: exactNumber("chunk.number", number), data };
}
