/**
 * What waits to be sent to one peer: votes, heartbeats and the like ahead of appends and their
 * answers, which keep their order among themselves. Bounded by messages and by bytes.
 */
import {
  raftFrameBytesMax,
  raftQueueBytesMax,
  raftQueueMessagesMax,
} from "../limits.ts";
import type { Message, MessageType } from "../raft/types.ts";
import { messageBytes } from "./message_codec.ts";

/** The queue of one peer. */
export class SendQueue {
  readonly #urgent = new Lane();
  readonly #bulk = new Lane();
  #bytes = 0;

  get empty(): boolean {
    return this.#urgent.length === 0 && this.#bulk.length === 0;
  }

  /** False when there is no room: the message is dropped. An empty queue has room for any. */
  push(message: Message): boolean {
    const bytes = messageBytes(message);
    const messages = this.#urgent.length + this.#bulk.length;
    if (
      messages >= raftQueueMessagesMax ||
      (messages > 0 && this.#bytes + bytes > raftQueueBytesMax)
    ) return false;
    this.#bytes += bytes;
    (isBulk(message.type) ? this.#bulk : this.#urgent).push(message, bytes);
    return true;
  }

  /** Takes the messages of the next frame out: as many as fit, at least one. */
  take(): readonly Message[] {
    const messages: Message[] = [];
    let room = raftFrameBytesMax;
    for (const lane of [this.#urgent, this.#bulk]) {
      while (lane.length > 0) {
        const bytes = lane.nextBytes;
        if (bytes > room && messages.length > 0) return messages;
        room -= bytes;
        this.#bytes -= bytes;
        messages.push(lane.shift());
      }
    }
    return messages;
  }

  clear(): void {
    this.#urgent.clear();
    this.#bulk.clear();
    this.#bytes = 0;
  }
}

/** What must keep its order, and may be large. */
function isBulk(type: MessageType): boolean {
  return type === "MsgApp" || type === "MsgAppResp" || type === "MsgProp";
}

/** Messages that were taken and still hold their memory, as long as they are fewer than those left. */
const goneMax = 256;

/** First in, first out, without moving what waits at each step. */
class Lane {
  readonly #messages: Message[] = [];
  readonly #sizes: number[] = [];
  #head = 0;

  get length(): number {
    return this.#messages.length - this.#head;
  }

  get nextBytes(): number {
    return this.#sizes[this.#head]!;
  }

  push(message: Message, bytes: number): void {
    this.#messages.push(message);
    this.#sizes.push(bytes);
  }

  shift(): Message {
    const message = this.#messages[this.#head++]!;
    if (this.length === 0) this.clear();
    else if (this.#head >= goneMax && 2 * this.#head >= this.#messages.length) {
      this.#messages.splice(0, this.#head);
      this.#sizes.splice(0, this.#head);
      this.#head = 0;
    }
    return message;
  }

  clear(): void {
    this.#messages.length = 0;
    this.#sizes.length = 0;
    this.#head = 0;
  }
}
