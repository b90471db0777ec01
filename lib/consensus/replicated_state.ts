/**
 * The router's replicated state for those who change it and read it: commands go through consensus
 * and come back as answers or as the error that the state refused them with; what is read after
 * `upToDate` is linearizable.
 */
import type { MessageInit } from "../../proto/codec.ts";
import type { Answer, Command } from "../../proto/messages/state.ts";
import { decodeAnswer, refusalError } from "../state/answer.ts";
import { encodeCommand } from "../state/command.ts";
import type { State } from "../state/state.ts";
import type { StateEvent } from "../state/types.ts";
import { crc32c } from "../crc32c.ts";
import type { Metadata } from "./metadata.ts";

/** State and the way to change it. */
export class ReplicatedState {
  /** The state as this node has it. */
  readonly state: State;
  readonly metadata: Metadata<StateEvent>;

  constructor(metadata: Metadata<StateEvent>, state: State) {
    this.metadata = metadata;
    this.state = state;
  }

  /**
   * Carries out a command on every node. `action` words the error that a refusal becomes: `create
   * pipeline "orders"`. A request that its caller may repeat brings the id that it was given there:
   * 16 bytes, and the command has to be the same each time.
   */
  async change(
    action: string,
    command: MessageInit<Command>,
    signal?: AbortSignal,
    requestId?: Uint8Array,
  ): Promise<Answer> {
    const bytes = encodeCommand(command);
    const { answer } = await this.metadata.propose(bytes, {
      ...(signal && { signal }),
      ...(requestId && { requestId: idOf(requestId, bytes) }),
    });
    const decoded = decodeAnswer(answer);
    if (decoded.refusal) throw refusalError(action, decoded.refusal);
    return decoded;
  }

  /** Resolves with the state once it holds everything that was answered before the call. */
  async upToDate(signal?: AbortSignal): Promise<State> {
    await this.metadata.read(signal ? { signal } : {});
    return this.state;
  }
}

/** Callers' ids are told from those of nodes by their first bit, and from each other by the command. */
function idOf(requestId: Uint8Array, command: Uint8Array): Uint8Array {
  const id = requestId.slice();
  id[0]! |= 0x80;
  const view = new DataView(id.buffer);
  const last = id.length - 4;
  view.setUint32(last, view.getUint32(last) ^ crc32c(command));
  return id;
}
