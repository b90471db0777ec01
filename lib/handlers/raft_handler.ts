/**
 * What other nodes say to this one: streams of Raft messages, and snapshots. A frame is checked whole
 * before anything of it reaches the node; what is refused ends its stream, changes nothing, and is
 * logged once for each peer and reason.
 */
import type { PeerGate, Place } from "../consensus/peer_gate.ts";
import { helloFrame, readFrame } from "../consensus/raft_frame.ts";
import { readSnapshotFrame } from "../consensus/snapshot_frame.ts";
import type { Hello, RaftPeerPort } from "../consensus/transport.ts";
import { Code, ConveyorError, invalidArgument } from "../errors.ts";
import { isForwarded } from "../raft/message.ts";
import type { Message } from "../raft/types.ts";
import type { CallContext, Handlers } from "../rpc/handler.ts";
import type {
  RaftFrame,
  RaftTransportMethods,
  SnapshotFrame,
  SnapshotReceipt,
} from "../../proto/messages/cluster.ts";
import { RefusalLog } from "./refusal_log.ts";
import { SnapshotIntake } from "./snapshot_intake.ts";

/** Serves `conveyor.cluster.RaftTransport`. */
export class RaftHandler implements Handlers<RaftTransportMethods> {
  readonly #port: RaftPeerPort;
  readonly #gate: PeerGate;
  readonly #intake: SnapshotIntake;
  readonly #refusals = new RefusalLog();

  constructor(port: RaftPeerPort, gate: PeerGate) {
    this.#port = port;
    this.#gate = gate;
    this.#intake = new SnapshotIntake(port);
  }

  async *exchange(
    frames: AsyncIterable<RaftFrame>,
    context: CallContext,
  ): AsyncGenerator<RaftFrame, void, void> {
    const reading = frames[Symbol.asyncIterator]();
    let from = hostOf(context);
    let place: Place | undefined;
    try {
      const { hello, messages } = readFrame(await first(reading));
      if (!hello || messages.length > 0) throw notAHello("messages");
      from = nameOf(hello);
      place = this.#gate.admit(hello, "messages");
      this.#refusals.forget(from);
      const answer = this.#gate.answer();
      yield helloFrame(answer);
      // The stream ends when a later one takes its place, also while nothing comes.
      await Promise.race([
        place.lost,
        this.#receive(reading, place, hello.nodeId, answer.nodeId),
      ]);
    } catch (error) {
      throw this.#refusals.note(from, error);
    } finally {
      place?.leave();
    }
  }

  async *sendSnapshot(
    frames: AsyncIterable<SnapshotFrame>,
    context: CallContext,
  ): AsyncGenerator<SnapshotReceipt, void, void> {
    const reading = frames[Symbol.asyncIterator]();
    let from = hostOf(context);
    let place: Place | undefined;
    try {
      const header = readSnapshotFrame(await first(reading));
      if (header.kind !== "header") throw notAHello("a chunk");
      const { hello, message } = header;
      from = nameOf(hello);
      place = this.#gate.admit(hello, "snapshot");
      checkParties(message, hello.nodeId, this.#gate.answer().nodeId);
      yield* this.#intake.receive(message, reading, place);
    } catch (error) {
      throw this.#refusals.note(from, error);
    } finally {
      place?.leave();
    }
  }

  /** Ends the streams of all peers and lets none in any more, so that the server can close. */
  close(): void {
    this.#gate.close();
  }

  async #receive(
    reading: AsyncIterator<RaftFrame>,
    place: Place,
    peer: number,
    own: number,
  ): Promise<void> {
    for (;;) {
      const { value: frame, done } = await reading.next();
      if (done || place.taken) return;
      const { hello, messages } = readFrame(frame);
      if (hello) throw invalidArgument("frame.hello", "must come once", hello);
      for (const message of messages) {
        checkParties(message, peer, own);
        if (message.type === "MsgSnap") {
          throw invalidArgument(
            "message.type",
            "must be sent by SendSnapshot",
            message.type,
          );
        }
      }
      if (messages.length > 0) this.#port.receive(messages);
    }
  }
}

async function first<T>(reading: AsyncIterator<T>): Promise<T> {
  const { value, done } = await reading.next();
  if (!done) return value;
  throw new ConveyorError(
    Code.Canceled,
    "Cannot take the stream: it ended before its first frame",
  );
}

function notAHello(found: string): ConveyorError {
  return invalidArgument("frame", "must say first who sends", found);
}

function checkParties(
  { type, from, to }: Message,
  peer: number,
  own: number,
): void {
  if (to !== own) throw invalidArgument("message.to", `must be ${own}`, to);
  if (from !== peer && !isForwarded(type)) {
    throw invalidArgument("message.from", `must be ${peer}`, from);
  }
}

function nameOf({ nodeId }: Hello): string {
  return `node ${nodeId}`;
}

/** The address of the caller without its port, which is another one each time. */
function hostOf({ peer }: CallContext): string {
  return peer.replace(/:\d+$/, "");
}
