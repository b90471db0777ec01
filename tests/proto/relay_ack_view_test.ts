import { assertEquals, assertThrows } from "@std/assert";
import { codecOf } from "../../proto/codec.ts";
import {
  AckStatus,
  type ReceiveRecordsResponse,
} from "../../proto/messages/sidecar.ts";
import { RelayAckView } from "../../proto/relay_ack_view.ts";
import { schema } from "../../proto/schema.ts";
import { WireError } from "../../proto/wire.ts";

const codec = codecOf<ReceiveRecordsResponse>(
  schema.lookupType("conveyor.sidecar.ReceiveRecordsResponse"),
);

Deno.test("RelayAckView reads what the codec wrote", () => {
  const view = new RelayAckView();
  view.reset(codec.encode({
    recordAcks: [
      {
        recordId: { sourceId: "a", sequenceNumber: 7n },
        status: AckStatus.Success,
      },
      {
        recordId: { sourceId: "a", partition: 3, sequenceNumber: 8n },
        status: AckStatus.Retry,
        error: "busy",
      },
    ],
  })).addResponse();
  assertEquals(view.count, 2);
  assertEquals(view.success, false);
  assertEquals(view.ids.sourceIds.slice(0, 2), ["a", "a"]);
  assertEquals([view.ids.sequence(0), view.ids.sequence(1)], [7n, 8n]);
  assertEquals(view.statuses.slice(0, 2), [AckStatus.Success, AckStatus.Retry]);
  assertEquals([view.error(0), view.error(1)], ["", "busy"]);
});

Deno.test("RelayAckView starts from the defaults when used again", () => {
  const view = new RelayAckView();
  view.reset(codec.encode({
    error: "the stage is not here",
    recordAcks: [{ status: AckStatus.Failed, error: "bad" }],
  })).addResponse();
  assertEquals(view.refusal, "the stage is not here");
  view.reset(codec.encode({ success: true, recordAcks: [{}] })).addResponse();
  assertEquals([view.success, view.refusal], [true, ""]);
  assertEquals([view.statuses[0], view.error(0)], [0, ""]);
});

Deno.test("RelayAckView refuses what is malformed", () => {
  const view = new RelayAckView();
  assertThrows(
    () => view.reset(Uint8Array.of(0x1a, 5, 1)).addResponse(),
    WireError,
  );
});
