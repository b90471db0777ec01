import { assertEquals } from "@std/assert";
import { encodeLetter } from "../../../lib/handlers/letter_message.ts";
import { codecOf } from "../../../proto/codec.ts";
import type { Record } from "../../../proto/messages/common.ts";
import type { DeadLetter } from "../../../proto/messages/dead_letters.ts";
import { schema } from "../../../proto/schema.ts";

const recordCodec = codecOf<Record>(
  schema.lookupType("conveyor.common.Record"),
);
const letterCodec = codecOf<DeadLetter>(
  schema.lookupType("conveyor.router.DeadLetter"),
);

const id = { sourceId: "orders", sequenceNumber: 7n };
const letter = {
  id: "letter-1",
  record: recordCodec.encode({ id, payload: new Uint8Array(1_000) }),
  pipelineId: "line",
  stageId: "store",
  lineage: 3,
  errorCode: "DATA_LOSS",
  errorMessage: "cannot be read",
  attempts: 2,
  firstFailureMs: 1_000,
  lastFailureMs: 2_000,
  expiresAtMs: 3_000,
  replayOf: undefined,
  nodeId: 1,
};

Deno.test("encodeLetter() leaves a record out when the message would be one byte too large with it", () => {
  const whole = encodeLetter(letter, Infinity);
  assertEquals(encodeLetter(letter, whole.length), whole);
  const all = letterCodec.decode(whole);
  assertEquals(all.record, recordCodec.decode(letter.record));
  assertEquals(all.omittedBytes, 0n);
  assertEquals(letterCodec.decode(encodeLetter(letter, whole.length - 1)), {
    ...all,
    record: recordCodec.decode(recordCodec.encode({ id })),
    omittedBytes: BigInt(letter.record.length),
  });
});
