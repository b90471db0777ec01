import { assert, assertEquals } from "@std/assert";
import { PeerGate } from "../../../lib/consensus/peer_gate.ts";
import {
  messagesFrame,
  readFrame,
  sealed,
  type SealedFrame,
} from "../../../lib/consensus/raft_frame.ts";
import {
  chunkFrame,
  headerFrame,
} from "../../../lib/consensus/snapshot_frame.ts";
import { Code } from "../../../lib/errors.ts";
import { RaftHandler } from "../../../lib/handlers/raft_handler.ts";
import type { Message } from "../../../lib/raft/types.ts";
import { seededRandom } from "../../../lib/random.ts";
import { mutated, pick } from "../../fixtures/mutations.ts";
import { snapshotOf } from "../../fixtures/outgoing_snapshot.ts";
import {
  append,
  heartbeat,
  randomMessage,
} from "../../fixtures/raft_messages.ts";
import { RaftPeer } from "../../fixtures/raft_peer.ts";
import {
  helloOf,
  opening,
  type Outcome,
  streamTo,
} from "../../fixtures/raft_stream.ts";

/** What node 2 answers to frames on a stream of node 1, and what reached it. */
async function exchange(
  two: RaftPeer,
  ...frames: SealedFrame[]
): Promise<Outcome<SealedFrame>> {
  return await streamTo(two.handler.exchange.bind(two.handler), frames);
}

/** Frames that must be refused with this error, after which node 2 is as it was. */
async function refuses(
  code: Code,
  message: string,
  ...frames: SealedFrame[]
): Promise<void> {
  await using two = await RaftPeer.start(2);
  const { error } = await exchange(two, ...frames);
  assertEquals(error?.message, message);
  assertEquals(error?.code, code);
  assertEquals(two.received, []);
  assertEquals(two.told, []);
}

Deno.test("exchange() answers who it is, and passes messages on", async () => {
  await using two = await RaftPeer.start(2, { incarnation: 4 });
  const messages = [heartbeat(1, 2, 1), append(1, 2, 7, 3, 10)];
  const { answers, error } = await exchange(
    two,
    opening(1),
    messagesFrame(messages),
    messagesFrame([heartbeat(1, 2, 2)]),
  );
  assertEquals(error, undefined);
  assertEquals(answers.map(readFrame), [{
    hello: helloOf(0, { nodeId: 2, incarnation: 4 }),
    messages: [],
  }]);
  assertEquals(two.received, [...messages, heartbeat(1, 2, 2)]);
});

Deno.test("exchange() passes on what others forward to it", async () => {
  await using two = await RaftPeer.start(2);
  const forwarded: Message = { ...append(3, 2, 0, 1, 5), type: "MsgProp" };
  await exchange(two, opening(1), messagesFrame([forwarded]));
  assertEquals(two.received, [forwarded]);
});

Deno.test("exchange() refuses who is of another cluster, of a later version, or this node", async () => {
  await refuses(
    Code.PermissionDenied,
    'Cannot admit node 1: it belongs to cluster "other", this node to "test"',
    opening(1, { clusterId: "other" }),
  );
  await refuses(
    Code.Unimplemented,
    "Cannot admit node 1: it speaks version 2 of the protocol, this node up to 1",
    opening(1, { version: 2 }),
  );
  await refuses(
    Code.InvalidArgument,
    "Cannot admit node 2: this node has that id",
    opening(1, { nodeId: 2 }),
  );
  await refuses(
    Code.InvalidArgument,
    'Cannot accept "hello.node_id": must be set, found 0',
    opening(1, { nodeId: 0 }),
  );
});

Deno.test("exchange() refuses frames that are not what they should be", async () => {
  const beat = messagesFrame([heartbeat(1, 2, 1)]);
  await refuses(
    Code.InvalidArgument,
    'Cannot accept "frame": must say first who sends, found "messages"',
    beat,
  );
  await refuses(
    Code.InvalidArgument,
    'Cannot accept "frame.hello": must come once, found an object',
    opening(1),
    opening(2),
  );
  await refuses(
    Code.InvalidArgument,
    'Cannot accept "frame.body": must hold something, found 0 bytes',
    opening(1),
    sealed(new Uint8Array(0)),
  );
  await refuses(
    Code.InvalidArgument,
    `Cannot accept "frame.checksum": must be ${beat.checksum}, the CRC-32C of its ${beat.body.length} bytes, found 7`,
    opening(1),
    { ...beat, checksum: 7 },
  );
  await refuses(
    Code.InvalidArgument,
    "Cannot read message: a value reaches past the end of its message at byte 1",
    opening(1),
    sealed(beat.body.subarray(0, -1)),
  );
  await refuses(
    Code.Canceled,
    "Cannot take the stream: it ended before its first frame",
  );
});

Deno.test("exchange() refuses messages that are not the peer's to send, with all of their frame", async () => {
  const good = heartbeat(1, 2, 1);
  await refuses(
    Code.InvalidArgument,
    'Cannot accept "message.to": must be 2, found 3',
    opening(1),
    messagesFrame([good, heartbeat(1, 3, 1)]),
  );
  await refuses(
    Code.InvalidArgument,
    'Cannot accept "message.from": must be 1, found 3',
    opening(1),
    messagesFrame([good, heartbeat(3, 2, 1)]),
  );
  await refuses(
    Code.InvalidArgument,
    'Cannot accept "message.type": must be sent by SendSnapshot, found "MsgSnap"',
    opening(1),
    messagesFrame([good, snapshotOf(10).message]),
  );
});

Deno.test("exchange() ends the stream that a later one replaces, and refuses an earlier one", async () => {
  await using two = await RaftPeer.start(2);
  const first = Promise.withResolvers<SealedFrame>();
  async function* waiting(): AsyncGenerator<SealedFrame> {
    yield opening(5);
    yield await first.promise;
  }
  const context = {
    signal: new AbortController().signal,
    metadata: {},
    peer: "10.0.0.1:5000",
  };
  const old = two.handler.exchange(waiting(), context);
  await old.next();
  const oldEnd = old.next().then(() => undefined, (error) => error.message);

  const later = await exchange(
    two,
    opening(6),
    messagesFrame([heartbeat(1, 2, 6)]),
  );
  assertEquals(later.error, undefined);
  assertEquals(
    await oldEnd,
    "Cannot go on with this stream: stream 6 of node 1 came",
  );
  first.resolve(messagesFrame([heartbeat(1, 2, 5)]));

  const earlier = await exchange(
    two,
    opening(4),
    messagesFrame([heartbeat(1, 2, 4)]),
  );
  assertEquals(earlier.error?.code, Code.Aborted);
  assertEquals(two.received, [heartbeat(1, 2, 6)]);

  const restarted = await exchange(
    two,
    opening(1, { incarnation: 2 }),
    messagesFrame([heartbeat(1, 2, 7)]),
  );
  assertEquals(restarted.error, undefined);
  assertEquals(two.received.length, 2);
});

Deno.test("close() ends the streams of all peers and lets none in", async () => {
  await using two = await RaftPeer.start(2);
  const { promise } = Promise.withResolvers<never>();
  async function* endless(): AsyncGenerator<SealedFrame> {
    yield opening(1);
    yield await promise;
  }
  const stream = two.handler.exchange(endless(), {
    signal: new AbortController().signal,
    metadata: {},
    peer: "10.0.0.1:5000",
  });
  await stream.next();
  const end = stream.next().then(() => undefined, (error) => error.message);
  two.handler.close();
  assertEquals(await end, "Cannot go on with this stream: the node stops");
  const { error } = await exchange(two, opening(2));
  assertEquals(error?.code, Code.Unavailable);
});

Deno.test("exchange() survives 50,000 damaged frames, and passes on none of those that do not fit", async () => {
  const seed = Math.floor(performance.now() * 1000) >>> 0;
  const random = seededRandom(seed);
  await using two = await RaftPeer.start(2);
  const frames = Array.from({ length: 200 }, () => {
    const message = { ...randomMessage(random), from: 1, to: 2 };
    return messagesFrame([message, heartbeat(1, 2, 1)]);
  }).filter(({ body }) => body.length < 2_000);
  let refused = 0;
  let taken = 0;
  for (let stream = 1; stream <= 50_000; stream++) {
    const frame = pick(frames, random);
    const body = mutated(frame.body, pick(frames, random).body, random);
    // Half with the checksum that the frame had before, half with one that fits the damage.
    const fits = random() < 0.5;
    const sent = fits ? sealed(body) : { body, checksum: frame.checksum };
    const before = two.received.length;
    const { error } = await exchange(two, opening(stream), sent);
    const arrived = two.received.splice(before);
    const unharmed = fits || same(body, frame.body);
    if (error) {
      refused++;
      assertEquals(error.code, Code.InvalidArgument, `SEED=${seed}`);
      assertEquals(arrived, [], `SEED=${seed}`);
    } else {
      taken++;
      assert(unharmed, `SEED=${seed}`);
      for (const message of arrived) checkNumbers(message, `SEED=${seed}`);
    }
  }
  assertEquals(two.told, []);
  assert(
    refused > 20_000 && taken > 5_000,
    `${refused} refused, ${taken} taken`,
  );
});

Deno.test("sendSnapshot() refuses headers that contradict themselves", async () => {
  const { message, manifest } = snapshotOf(1_000);
  const snapshot = message.snapshot!;
  const hello = helloOf(1);
  for (
    const [frame, reason] of [
      [chunkFrame(0, new Uint8Array(5)), "must say first who sends"],
      [headerFrame(hello, { ...message, to: 3 }), "must be 2, found 3"],
      [headerFrame(hello, { ...message, from: 3 }), "must be 1, found 3"],
      [headerFrame(hello, heartbeat(1, 2, 1)), "must be a MsgSnap"],
      [
        headerFrame(hello, {
          ...message,
          snapshot: { ...snapshot, data: new Uint8Array(20) },
        }),
        '"message.snapshot.data": must be a manifest',
      ],
      [
        headerFrame(hello, {
          ...message,
          snapshot: { ...snapshot, index: manifest.index + 1 },
        }),
        "must be at index 10 and term 2",
      ],
    ] as const
  ) {
    await using two = await RaftPeer.start(2);
    const { error, answers } = await streamTo(
      two.handler.sendSnapshot.bind(two.handler),
      [frame],
    );
    assertEquals(error?.code, Code.InvalidArgument);
    assert(error?.message.includes(reason), error?.message);
    assertEquals(answers, []);
    assertEquals(two.told, []);
  }
});

Deno.test("sendSnapshot() refuses chunks that are damaged or out of order, and keeps those before", async () => {
  await using two = await RaftPeer.start(2);
  const { message, data, manifest } = snapshotOf(1_000_000);
  const send = (stream: number, ...frames: SealedFrame[]) =>
    streamTo(two.handler.sendSnapshot.bind(two.handler), [
      headerFrame(helloOf(stream), message),
      ...frames,
    ]);
  const [first, second] = data as [Uint8Array, Uint8Array];

  const skipped = await send(1, chunkFrame(0, first), chunkFrame(2, second));
  assertEquals(skipped.error?.code, Code.InvalidArgument);
  assertEquals(skipped.answers.map(({ chunks }) => chunks), [0n, 1n]);

  const damaged = chunkFrame(1, second);
  damaged.body[100]! ^= 4;
  const flipped = await send(2, damaged);
  assertEquals(flipped.error?.code, Code.InvalidArgument);
  assertEquals(flipped.answers, [{ chunks: 1n, complete: false }]);
  assertEquals(two.told, []);

  const rest = data.slice(1).map((chunk, at) => chunkFrame(at + 1, chunk));
  const whole = await send(3, ...rest);
  assertEquals(whole.error, undefined);
  assertEquals(whole.answers.at(-1), { chunks: 4n, complete: true });
  assertEquals(two.told, [{ kind: "snapshot", message, manifest }]);
});

Deno.test("sendSnapshot() survives damaged frames", async () => {
  const seed = Math.floor(performance.now() * 1000) >>> 0;
  const random = seededRandom(seed);
  await using two = await RaftPeer.start(2);
  let handed = 0;
  for (let stream = 1; stream <= 2_000; stream++) {
    // Each one another, so that nothing is left of the one before.
    const { message, data } = snapshotOf(3_000, stream, 1_000);
    const frames = [
      headerFrame(helloOf(stream), message),
      ...data.map((chunk, at) => chunkFrame(at, chunk)),
    ];
    const at = Math.floor(random() * frames.length);
    const { body } = frames[at]!;
    frames[at] = sealed(mutated(body, pick(frames, random).body, random));
    // A damaged Hello may name any later incarnation, which is remembered.
    const handler = new RaftHandler(two, new PeerGate(two));
    const { error } = await streamTo(
      handler.sendSnapshot.bind(handler),
      frames,
    );
    const handedOn = two.told.splice(0);
    if (error) assertEquals(handedOn, [], `SEED=${seed}`);
    handed += handedOn.length;
  }
  assert(handed > 50 && handed < 1_800, `${handed} handed on, SEED=${seed}`);
});

function same(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

function checkNumbers(message: Message, hint: string): void {
  for (const value of Object.values(message)) {
    if (typeof value !== "number") continue;
    assert(Number.isSafeInteger(value) && value >= 0, hint);
  }
}
