import { assert, assertEquals } from "@std/assert";
import { messageBytes } from "../../../lib/consensus/message_codec.ts";
import { SendQueue } from "../../../lib/consensus/send_queue.ts";
import {
  raftFrameBytesMax,
  raftQueueBytesMax,
  raftQueueMessagesMax,
} from "../../../lib/limits.ts";
import type { Message } from "../../../lib/raft/types.ts";
import { append, heartbeat } from "../../fixtures/raft_messages.ts";

const places = (messages: readonly Message[]): string[] =>
  messages.map(({ type, index, commit }) =>
    type === "MsgApp" ? `app ${index}` : `beat ${commit}`
  );

Deno.test("SendQueue gives heartbeats before appends, and each kind in order", () => {
  const queue = new SendQueue();
  for (let i = 1; i <= 3; i++) {
    assert(queue.push(append(1, 2, i, 1, 10)));
    assert(queue.push(heartbeat(1, 2, i)));
  }
  assertEquals(places(queue.take()), [
    "beat 1",
    "beat 2",
    "beat 3",
    "app 1",
    "app 2",
    "app 3",
  ]);
  assert(queue.empty);
  assertEquals(queue.take(), []);
});

Deno.test("SendQueue puts no more into a frame than fits, and one larger message alone", () => {
  const queue = new SendQueue();
  const half = raftFrameBytesMax / 2 - 100;
  for (const bytes of [half, half, half, raftFrameBytesMax * 2, 10]) {
    assert(queue.push(append(1, 2, bytes, 1, bytes)));
  }
  const sizes: number[] = [];
  while (!queue.empty) {
    const messages = queue.take();
    sizes.push(messages.length);
    const bytes = messages.reduce((sum, each) => sum + messageBytes(each), 0);
    assert(bytes <= raftFrameBytesMax || messages.length === 1);
  }
  assertEquals(sizes, [2, 1, 1, 1]);
});

Deno.test("SendQueue lets a heartbeat overtake megabytes of appends", () => {
  const queue = new SendQueue();
  for (let i = 0; i < 20; i++) queue.push(append(1, 2, i, 1, 200_000));
  queue.take();
  queue.push(heartbeat(1, 2, 9));
  assertEquals(places(queue.take()).slice(0, 2), ["beat 9", "app 1"]);
});

Deno.test("SendQueue is bounded by messages and by bytes, and has room again later", () => {
  const byCount = new SendQueue();
  let taken = 0;
  while (byCount.push(heartbeat(1, 2, taken))) taken++;
  assertEquals(taken, raftQueueMessagesMax);
  byCount.take();
  assert(byCount.push(heartbeat(1, 2, 0)));

  const byBytes = new SendQueue();
  const mebibyte = append(1, 2, 1, 1, 1024 * 1024);
  let bytes = 0;
  while (byBytes.push(mebibyte)) bytes += messageBytes(mebibyte);
  assert(bytes <= raftQueueBytesMax && bytes > raftQueueBytesMax * 0.9);
  byBytes.clear();
  assert(byBytes.empty);
  assert(byBytes.push(append(1, 2, 1, 1, 2 * raftQueueBytesMax)));
  assert(!byBytes.push(heartbeat(1, 2, 0)));
});

Deno.test("SendQueue keeps the order while it is filled and emptied at once", () => {
  const queue = new SendQueue();
  let next = 0;
  let expected = 0;
  for (let round = 0; round < 500; round++) {
    for (let i = 0; i < 6; i++) {
      assert(queue.push(append(1, 2, next++, 1, 50_000)));
    }
    for (const { index } of queue.take()) assertEquals(index, expected++);
  }
  while (!queue.empty) {
    for (const { index } of queue.take()) assertEquals(index, expected++);
  }
  assert(expected > 2_500);
});
