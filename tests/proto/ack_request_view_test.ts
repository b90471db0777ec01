import { assertEquals, assertThrows } from "@std/assert";
import { AckRequestView } from "../../proto/ack_request_view.ts";
import { codecOf } from "../../proto/codec.ts";
import { type AckRequest, AckStatus } from "../../proto/messages/source.ts";
import { schema } from "../../proto/schema.ts";
import { WireError } from "../../proto/wire.ts";

const codec = codecOf<AckRequest>(
  schema.lookupType("conveyor.source.AckRequest"),
);

Deno.test("AckRequestView reads who pulled what, and what became of each record", () => {
  const bytes = codec.encode({
    sourceId: "line/out",
    consumerId: "reader",
    recordAcks: [
      {
        recordId: {
          sourceId: "line/out",
          partition: 3,
          sequenceNumber: 2n ** 64n - 1n,
        },
        status: AckStatus.Accepted,
      },
      { status: AckStatus.Rejected, errorMessage: "no room" },
      { recordId: { sequenceNumber: 7n } },
    ],
  });
  const view = new AckRequestView().reset(bytes).addResponse();
  assertEquals([view.sourceId, view.consumerId, view.count], [
    "line/out",
    "reader",
    3,
  ]);
  assertEquals(view.statuses.slice(0, 3), [1, 3, 0]);
  assertEquals(view.error(1), "no room");
  const { ids } = view;
  assertEquals(ids.sourceIds.slice(0, 3), ["line/out", "", ""]);
  assertEquals([...ids.partitions.subarray(0, 3)], [3, 0, 0]);
  assertEquals([...ids.sequenceLows.subarray(0, 3)], [0xffff_ffff, 0, 7]);
  assertEquals([...ids.sequenceHighs.subarray(0, 3)], [0xffff_ffff, 0, 0]);
});

Deno.test("AckRequestView starts from the defaults when used again", () => {
  const view = new AckRequestView();
  view.reset(codec.encode({
    sourceId: "a",
    consumerId: "b",
    recordAcks: [{ status: AckStatus.Accepted }],
  })).addResponse();
  view.reset(codec.encode({ recordAcks: [{}] })).addResponse();
  assertEquals([view.sourceId, view.consumerId, view.statuses[0]], ["", "", 0]);
});

Deno.test("AckRequestView refuses what is not well-formed", () => {
  for (const bytes of [[0x12, 5, 1], [0x1a, 2, 0x12, 0], [0x08, 1]]) {
    assertThrows(
      () => new AckRequestView().reset(Uint8Array.from(bytes)).addResponse(),
      WireError,
    );
  }
});
