/**
 * A kept letter as it is sent. With what went wrong it is larger than its record was: one whose record
 * only just came in is sent without it, or no letter behind it could be listed.
 */
import { codecOf, type MessageInit } from "../../proto/codec.ts";
import type { Record } from "../../proto/messages/common.ts";
import type { DeadLetter } from "../../proto/messages/dead_letters.ts";
import { schema } from "../../proto/schema.ts";
import type { KeptLetter } from "../storage/letter.ts";
import { timestampOf } from "./wire_time.ts";

const record = codecOf<Record>(schema.lookupType("conveyor.common.Record"));
const message = codecOf<DeadLetter>(
  schema.lookupType("conveyor.router.DeadLetter"),
);

/** The DeadLetter in at most `bytesMax` bytes: of a record that is too large for that only its id. */
export function encodeLetter(
  letter: KeptLetter,
  bytesMax: number,
): Uint8Array {
  const decoded = record.decode(letter.record);
  const whole = message.encode(messageOf(letter, decoded));
  if (whole.length <= bytesMax) return whole;
  return message.encode({
    ...messageOf(letter, { ...decoded.id && { id: decoded.id } }),
    omittedBytes: BigInt(letter.record.length),
  });
}

function messageOf(
  letter: KeptLetter,
  record: MessageInit<Record>,
): MessageInit<DeadLetter> {
  const { id, nodeId, firstFailureMs, lastFailureMs, lineage } = letter;
  const { pipelineId, stageId, errorCode, errorMessage, attempts } = letter;
  return {
    deadLetterId: id,
    record,
    pipelineId,
    stageId,
    errorCode,
    errorMessage,
    attempts,
    firstFailure: timestampOf(firstFailureMs),
    lastFailure: timestampOf(lastFailureMs),
    nodeId: BigInt(nodeId),
    lineage,
  };
}
