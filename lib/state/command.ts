/**
 * Commands as the log has them: one serialized `conveyor.state.Command` each. Bytes that this
 * version cannot read are told apart from those that it can, since they must be refused and not
 * stop the node.
 */
import { codecOf, type MessageInit } from "../../proto/codec.ts";
import type { Command } from "../../proto/messages/state.ts";
import { schema } from "../../proto/schema.ts";
import { WireError } from "../../proto/wire.ts";

const codec = codecOf<Command>(schema.lookupType("conveyor.state.Command"));

/** The name of a kind of command, as a field of `Command`. */
export type CommandKind = keyof Command;

/** The bytes of a command, for consensus to propose. */
export function encodeCommand(command: MessageInit<Command>): Uint8Array {
  return codec.encode(command);
}

/** The command in `bytes`; a sentence on what is wrong with them when there is none. */
export function decodeCommand(bytes: Uint8Array): Command | string {
  try {
    const command = codec.decode(bytes);
    return Object.keys(command).length === 1
      ? command
      : "has a kind that this version does not know";
  } catch (error) {
    if (error instanceof WireError) return error.message;
    throw error;
  }
}
