/**
 * Answers as consensus carries them back to the proposer: one serialized `conveyor.state.Answer`
 * each, of which a refusal becomes the error that the caller gets.
 */
import { ConveyorError } from "../errors.ts";
import { codecOf, type MessageInit } from "../../proto/codec.ts";
import type { Answer, Refusal } from "../../proto/messages/state.ts";
import { schema } from "../../proto/schema.ts";

const codec = codecOf<Answer>(schema.lookupType("conveyor.state.Answer"));

/** The bytes of an answer. */
export function encodeAnswer(answer: MessageInit<Answer>): Uint8Array {
  return codec.encode(answer);
}

/** The answer in `bytes`, which `State.apply` made. */
export function decodeAnswer(bytes: Uint8Array): Answer {
  return codec.decode(bytes);
}

/** A refusal as the error of what was tried: `register service "a"`. */
export function refusalError(action: string, refusal: Refusal): ConveyorError {
  const { code, field, rule, found } = refusal;
  const description = `${rule}, found ${found}`;
  return new ConveyorError(code, `Cannot ${action}: ${field} ${description}`, {
    details: [{ field, description }],
  });
}
