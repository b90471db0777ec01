/** The serialized PushResponse messages of a push stream. */
import { codecOf } from "../../proto/codec.ts";
import type {
  BackpressureLevel,
  PushResponse,
} from "../../proto/messages/source.ts";
import { schema } from "../../proto/schema.ts";
import { WireWriter } from "../../proto/wire_writer.ts";
import type { Intake } from "../delivery/intake.ts";
import { pauseHintMs } from "../limits.ts";
import { writeRecordAcks } from "./record_acks.ts";

const codec = codecOf<PushResponse>(
  schema.lookupType("conveyor.source.PushResponse"),
);

/** What became of the records of `intake` whose outcome has become known. */
export function ackMessage(intake: Intake): Uint8Array {
  const { batchId, freshCount } = intake;
  const writer = new WireWriter(32 + batchId.length + freshCount * 40);
  writer.uint32(0x0a).fork();
  if (batchId !== "") writer.uint32(0x0a).string(batchId);
  writeRecordAcks(writer, 0x12, intake);
  return writer.ldelim().finish();
}

/** Room for more records. */
export function grantMessage(records: number, untilMs: number): Uint8Array {
  return codec.encode({
    credits: {
      credits: BigInt(records),
      expiresAtMs: BigInt(Math.ceil(untilMs)),
    },
  });
}

/** How close the source is to its bound. */
export function pressureMessage(
  level: BackpressureLevel,
  pause: boolean,
): Uint8Array {
  const resumeAfterMs = pause ? BigInt(pauseHintMs) : 0n;
  return codec.encode({ backpressure: { level, pause, resumeAfterMs } });
}
