/**
 * One stream of Raft messages to a peer, from dialling to its end. Nothing but the Hello is sent
 * before the peer has said who it is and was let in by the gate.
 */
import { Channel } from "../../clients/channel.ts";
import type { ConnectOptions } from "../../clients/channel_options.ts";
import type {
  RaftFrame,
  RaftTransportMethods,
} from "../../proto/messages/cluster.ts";
import { serviceOf } from "../../proto/service.ts";
import { Code, ConveyorError, messageOf } from "../errors.ts";
import type { PeerGate } from "./peer_gate.ts";
import { helloFrame, messagesFrame, readFrame } from "./raft_frame.ts";
import type { SendQueue } from "./send_queue.ts";

const { exchange } = serviceOf<RaftTransportMethods>(
  "conveyor.cluster.RaftTransport",
).methods;

/** Whom a link leads to, and how. */
export interface PeerAddress {
  readonly peer: number;
  readonly url: string;
  readonly connect: ConnectOptions;
  readonly gate: PeerGate;
}

/** One stream; `run` is called once. */
export class PeerStream {
  readonly #address: PeerAddress;
  readonly #queue: SendQueue;
  readonly #ended = new AbortController();
  #wake: (() => void) | undefined;
  #up = false;

  constructor(address: PeerAddress, queue: SendQueue) {
    this.#address = address;
    this.#queue = queue;
  }

  /** Whether the peer has answered, now or before the stream ended. */
  get up(): boolean {
    return this.#up;
  }

  /** Something is in the queue. */
  wake(): void {
    this.#wake?.();
  }

  /** Ends the stream, for this reason. */
  end(reason: string): void {
    this.#ended.abort(new Error(reason));
    this.#wake?.();
  }

  /** Resolves with why the stream is over; `onUp` is told when the peer has answered. */
  async run(onUp: () => void): Promise<ConveyorError> {
    const admitted = Promise.withResolvers<boolean>();
    const { url, connect } = this.#address;
    const { signal } = this.#ended;
    let channel: Channel | undefined;
    try {
      channel = await Channel.open(url, connect);
      const answers = channel.stream(
        exchange,
        this.#frames(admitted.promise),
        { signal },
      );
      for await (const frame of answers) {
        if (this.#up) {
          throw unusable(this.#address, "it sends more than its Hello");
        }
        this.#admit(frame);
        this.#up = true;
        onUp();
        admitted.resolve(true);
      }
      throw unusable(this.#address, "it has ended the stream");
    } catch (error) {
      if (error instanceof ConveyorError) return error;
      return unusable(this.#address, messageOf(error), error);
    } finally {
      admitted.resolve(false);
      this.end("the stream is over");
      await channel?.close();
    }
  }

  #admit(frame: RaftFrame): void {
    const { peer, gate } = this.#address;
    try {
      const { hello } = readFrame(frame);
      if (!hello) throw new Error("its first frame holds no Hello");
      gate.admitAnswer(hello, peer);
    } catch (error) {
      // This node refuses the peer, not the peer this node.
      throw unusable(this.#address, messageOf(error), error);
    }
  }

  async *#frames(
    admitted: Promise<boolean>,
  ): AsyncGenerator<RaftFrame, void, void> {
    yield helloFrame(this.#address.gate.hello("messages"));
    if (!await admitted) return;
    const { signal } = this.#ended;
    while (!signal.aborted) {
      if (this.#queue.empty) {
        await new Promise<void>((resolve) => this.#wake = resolve);
        this.#wake = undefined;
      } else {
        yield messagesFrame(this.#queue.take());
      }
    }
  }
}

function unusable(
  { peer, url }: PeerAddress,
  reason: string,
  cause?: unknown,
): ConveyorError {
  return new ConveyorError(
    Code.Unavailable,
    `Cannot use node ${peer} at "${url}": ${reason}`,
    { cause },
  );
}
