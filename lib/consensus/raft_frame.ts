/**
 * Frames of the streams between nodes: a body and its checksum. What TCP lets through damaged is
 * refused here, before anything is read of it.
 */
import { Code, ConveyorError, invalidArgument } from "../errors.ts";
import { crc32c } from "../crc32c.ts";
import type { Message } from "../raft/types.ts";
import { WireError, WireReader } from "../../proto/wire.ts";
import { WireWriter } from "../../proto/wire_writer.ts";
import { decodeHello, encodeHello } from "./hello_codec.ts";
import {
  delimitedBytes,
  messageBytes,
  readNestedMessage,
  skipUnknown,
  writeMessage,
} from "./message_codec.ts";
import type { Hello } from "./transport.ts";

/** A body with its checksum, as `RaftFrame` and `SnapshotFrame` have them. */
export interface SealedFrame {
  readonly body: Uint8Array;
  readonly checksum: number;
}

/** What the body of a Raft frame holds. */
export interface RaftBody {
  readonly hello: Hello | undefined;
  readonly messages: readonly Message[];
}

/** Fields of `conveyor.cluster.RaftBody` with their wire types. */
const helloTag = 1 << 3 | 2;
const messageTag = 2 << 3 | 2;

/** A body on its way out. */
export function sealed(body: Uint8Array): SealedFrame {
  return { body, checksum: crc32c(body) };
}

/** The body of a frame that came in; InvalidArgument when the checksum does not fit. */
export function opened({ body, checksum }: SealedFrame): Uint8Array {
  if (body.length === 0) {
    throw invalidArgument("frame.body", "must hold something", body);
  }
  const found = crc32c(body);
  if (found === checksum) return body;
  throw invalidArgument(
    "frame.checksum",
    `must be ${found}, the CRC-32C of its ${body.length} bytes`,
    checksum,
  );
}

/** The frame that opens a stream. */
export function helloFrame(hello: Hello): SealedFrame {
  return sealed(
    new WireWriter().uint32(helloTag).bytes(encodeHello(hello)).finish(),
  );
}

/** The frame of these messages. */
export function messagesFrame(messages: readonly Message[]): SealedFrame {
  const sizes = messages.map(messageBytes);
  const writer = new WireWriter(
    sizes.reduce((sum, size) => sum + delimitedBytes(size), 0),
  );
  messages.forEach((message, at) => {
    writer.uint32(messageTag).uint32(sizes[at]!);
    writeMessage(writer, message);
  });
  return sealed(writer.finish());
}

/**
 * What a frame that came in holds; InvalidArgument when it is not whole. All of it is read before
 * any of it counts.
 */
export function readFrame(frame: SealedFrame): RaftBody {
  const body = opened(frame);
  return wellFormed(() => readBody(new WireReader(body)));
}

/** What `read` gives; malformed bytes are InvalidArgument. */
export function wellFormed<T>(read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw new ConveyorError(Code.InvalidArgument, cause.message, {
      cause,
      details: [{ field: "frame.body", description: cause.message }],
    });
  }
}

function readBody(reader: WireReader): RaftBody {
  const messages: Message[] = [];
  let hello: Hello | undefined;
  while (reader.pos < reader.end) {
    const tag = reader.tag();
    switch (tag) {
      case helloTag:
        hello = decodeHello(reader.bytes());
        break;
      case messageTag:
        messages.push(readNestedMessage(reader));
        break;
      default:
        skipUnknown(reader, tag, 2);
    }
  }
  return { hello, messages };
}
