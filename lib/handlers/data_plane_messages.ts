/** The serialized messages of SidecarDataPlane that are written or read for every batch. */
import { codecOf } from "../../proto/codec.ts";
import {
  AckStatus,
  type PushRecordsResponse,
} from "../../proto/messages/sidecar.ts";
import type { BackpressureLevel } from "../../proto/messages/source.ts";
import { schema } from "../../proto/schema.ts";
import { WireReader } from "../../proto/wire.ts";
import { WireWriter } from "../../proto/wire_writer.ts";
import { type Intake, Outcome } from "../delivery/intake.ts";
import { Rejection } from "../delivery/rejection.ts";
import { firstPositions } from "../delivery/work.ts";
import type { Handover } from "../flow/receiver.ts";
import { pauseHintMs } from "../limits.ts";
import { unreadable } from "./batch_in.ts";
import { writeRecordAcks } from "./record_acks.ts";

const codec = codecOf<PushRecordsResponse>(
  schema.lookupType("conveyor.sidecar.PushRecordsResponse"),
);

/** What became of the records of `intake` whose outcome has become known. */
export function pushAckMessage(intake: Intake): Uint8Array {
  const { batchId, fresh, freshCount, outcomes } = intake;
  const writer = new WireWriter(32 + batchId.length + freshCount * 40);
  writer.uint32(0x0a).fork();
  if (batchId !== "") writer.uint32(0x0a).string(batchId);
  if (allSucceeded(outcomes, fresh, freshCount)) writer.uint32(0x10).bool(true);
  writeRecordAcks(writer, 0x1a, intake, statusOf);
  return writer.ldelim().finish();
}

/** Room for more records. What a sidecar grants does not lapse before it is used. */
export function pushCreditsMessage(records: number): Uint8Array {
  return codec.encode({ credits: { granted: BigInt(records) } });
}

/** How close the source is to its bound. */
export function pushPressureMessage(
  level: BackpressureLevel,
  pause: boolean,
): Uint8Array {
  return codec.encode({
    backpressure: {
      pause,
      waitMs: pause ? pauseHintMs : 0,
      reason: `the sidecar's room for this source is used to level ${level}`,
    },
  });
}

/** The answer to records that were taken over, once there is an outcome of each. */
export function receivedMessage(intake: Intake): Uint8Array {
  const { count, ids, outcomes, reasons } = intake;
  const all = firstPositions(count);
  const writer = new WireWriter(32 + count * 40);
  if (allSucceeded(outcomes, all, count)) writer.uint32(0x08).bool(true);
  writeRecordAcks(
    writer,
    0x1a,
    { ids, outcomes, reasons, fresh: all, freshCount: count },
    statusOf,
  );
  return writer.finish();
}

/** The records in a serialized ReceiveRecordsRequest, and the stage that they are for. */
export function handoverIn(bytes: Uint8Array): Handover {
  try {
    const reader = new WireReader(bytes);
    let pipelineId = "";
    let stageId = "";
    let [start, end] = [0, 0];
    const lineages: number[] = [];
    while (reader.pos < reader.end) {
      const tag = reader.tag();
      if (tag === 0x0a) pipelineId = reader.string();
      else if (tag === 0x12) stageId = reader.string();
      else if (tag === 0x22) {
        end = reader.delimited();
        start = reader.pos;
        reader.pos = end;
      } else if (tag === lineagesTag) {
        const last = reader.delimited();
        while (reader.pos < last) lineages.push(reader.double());
      } else reader.skip(tag & 7, tag >>> 3);
    }
    return {
      pipelineId,
      stageId,
      bytes,
      start,
      end,
      lineages: lineages.length === 0 ? undefined : Float64Array.from(lineages),
    };
  } catch (error) {
    throw unreadable(error);
  }
}

/** Field 20, packed. */
const lineagesTag = 20 << 3 | 2;

/** A record that was rejected is not lost, and may be taken when it is sent again: unless it names no source. */
function statusOf(outcome: Outcome, reason: Rejection): AckStatus {
  if (outcome !== Outcome.Rejected) return AckStatus.Success;
  return reason === Rejection.NoIdentity ? AckStatus.Failed : AckStatus.Retry;
}

function allSucceeded(
  outcomes: Uint8Array,
  places: Uint32Array,
  count: number,
): boolean {
  for (let n = 0; n < count; n++) {
    if (outcomes[places[n]!] === Outcome.Rejected) return false;
  }
  return true;
}
