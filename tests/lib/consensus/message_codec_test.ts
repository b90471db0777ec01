import { assert, assertEquals, assertThrows } from "@std/assert";
import {
  messageBytes,
  readMessage,
  writeMessage,
} from "../../../lib/consensus/message_codec.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { draft } from "../../../lib/raft/message.ts";
import type { Message } from "../../../lib/raft/types.ts";
import { seededRandom } from "../../../lib/random.ts";
import { type Codec, codecOf } from "../../../proto/codec.ts";
import {
  RaftEntryType,
  type RaftMessage,
  RaftMessageType,
} from "../../../proto/messages/cluster.ts";
import { schema } from "../../../proto/schema.ts";
import { WireError, WireReader } from "../../../proto/wire.ts";
import { WireWriter } from "../../../proto/wire_writer.ts";
import { randomMessage } from "../../fixtures/raft_messages.ts";

const codec: Codec<RaftMessage> = codecOf(
  schema.lookupType("conveyor.cluster.RaftMessage"),
);

/** The names of the core beside those of the wire contract. */
const typeNames: Readonly<Record<Message["type"], RaftMessageType>> = {
  MsgProp: RaftMessageType.Propose,
  MsgApp: RaftMessageType.Append,
  MsgAppResp: RaftMessageType.AppendResponse,
  MsgVote: RaftMessageType.Vote,
  MsgVoteResp: RaftMessageType.VoteResponse,
  MsgPreVote: RaftMessageType.PreVote,
  MsgPreVoteResp: RaftMessageType.PreVoteResponse,
  MsgHeartbeat: RaftMessageType.Heartbeat,
  MsgHeartbeatResp: RaftMessageType.HeartbeatResponse,
  MsgSnap: RaftMessageType.Snapshot,
  MsgTimeoutNow: RaftMessageType.TimeoutNow,
  MsgTransferLeader: RaftMessageType.TransferLeader,
  MsgReadIndex: RaftMessageType.ReadIndex,
  MsgReadIndexResp: RaftMessageType.ReadIndexResponse,
};
const entryTypes = {
  normal: RaftEntryType.Normal,
  confChange: RaftEntryType.ConfChange,
  confChangeV2: RaftEntryType.ConfChangeV2,
};

function bySchema(message: Message): Uint8Array {
  const { snapshot } = message;
  return codec.encode({
    type: typeNames[message.type],
    from: BigInt(message.from),
    to: BigInt(message.to),
    term: BigInt(message.term),
    logTerm: BigInt(message.logTerm),
    index: BigInt(message.index),
    entries: message.entries.map((entry) => ({
      term: BigInt(entry.term),
      index: BigInt(entry.index),
      type: entryTypes[entry.type],
      data: entry.data,
    })),
    commit: BigInt(message.commit),
    reject: message.reject,
    rejectHint: BigInt(message.rejectHint),
    snapshot: snapshot && {
      index: BigInt(snapshot.index),
      term: BigInt(snapshot.term),
      membership: {
        voters: snapshot.confState.voters.map(BigInt),
        votersOutgoing: snapshot.confState.votersOutgoing.map(BigInt),
        learners: snapshot.confState.learners.map(BigInt),
        learnersNext: snapshot.confState.learnersNext.map(BigInt),
        autoLeave: snapshot.confState.autoLeave,
      },
      data: snapshot.data,
    },
    context: message.context,
  });
}

function written(message: Message): Uint8Array {
  const writer = new WireWriter();
  writeMessage(writer, message);
  return writer.finish();
}

Deno.test("writeMessage() writes the bytes that the schema's codec does, as many as it says", () => {
  const seed = Math.floor(performance.now() * 1000) >>> 0;
  const random = seededRandom(seed);
  const types = new Set<string>();
  for (let round = 0; round < 2_000; round++) {
    const message = randomMessage(random);
    types.add(message.type);
    const bytes = written(message);
    assertEquals(bytes, bySchema(message), `SEED=${seed}`);
    assertEquals(messageBytes(message), bytes.length, `SEED=${seed}`);
  }
  assertEquals(types.size, 14);
});

Deno.test("readMessage() gives back what writeMessage() wrote", () => {
  const seed = Math.floor(performance.now() * 1000) >>> 0;
  const random = seededRandom(seed);
  for (let round = 0; round < 2_000; round++) {
    const message = randomMessage(random);
    const reader = new WireReader(written(message));
    assertEquals(readMessage(reader), message, `SEED=${seed}`);
    assertEquals(reader.pos, reader.end);
  }
});

Deno.test("readMessage() passes over fields of a later version", () => {
  const message = draft("MsgHeartbeat", 1, 2, 3);
  const writer = new WireWriter();
  writer.uint32(90 << 3 | 2).string("news");
  writeMessage(writer, message);
  assertEquals(readMessage(new WireReader(writer.finish())), message);
});

Deno.test("readMessage() refuses types that it does not know", () => {
  const type = new WireWriter().uint32(1 << 3).uint32(15).finish();
  const entryType = new WireWriter().uint32(7 << 3 | 2).uint32(2)
    .uint32(3 << 3).uint32(3).finish();
  for (
    const [bytes, message] of [
      [
        type,
        'Cannot accept "message.type": must be from 1 to 14 in version 1, found 15',
      ],
      [
        entryType,
        'Cannot accept "message.entries.type": must be from 0 to 2 in version 1, found 3',
      ],
      [
        new Uint8Array(0),
        'Cannot accept "message.type": must be set, found 0',
      ],
    ] as const
  ) {
    const error = assertThrows(
      () => readMessage(new WireReader(bytes)),
      ConveyorError,
    );
    assertEquals(error.code, Code.InvalidArgument);
    assertEquals(error.message, message);
  }
});

Deno.test("readMessage() refuses a number that is not exact, and takes the largest that is", () => {
  const withTerm = (term: bigint): Uint8Array =>
    new WireWriter().uint32(1 << 3).uint32(8).uint32(4 << 3).uint64(term)
      .finish();
  const largest = readMessage(new WireReader(withTerm(2n ** 53n - 1n)));
  assertEquals(largest.term, Number.MAX_SAFE_INTEGER);
  for (const term of [2n ** 53n, 2n ** 64n - 1n]) {
    const error = assertThrows(
      () => readMessage(new WireReader(withTerm(term))),
      ConveyorError,
    );
    assert(error.message.includes(`"message.term"`), error.message);
    assert(error.message.includes(String(term)), error.message);
  }
});

Deno.test("readMessage() refuses a known field of another wire type", () => {
  const bytes = new WireWriter().uint32(4 << 3 | 2).string("3").finish();
  const error = assertThrows(
    () => readMessage(new WireReader(bytes)),
    WireError,
  );
  assertEquals(error.kind, "wrong_wire_type");
});
