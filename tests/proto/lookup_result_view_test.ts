import { assertEquals, assertThrows } from "@std/assert";
import { LookupResultView } from "../../proto/lookup_result_view.ts";
import { LookupStatus } from "../../proto/messages/lookup.ts";
import { WireError } from "../../proto/wire.ts";
import {
  type Fields,
  lookupResponseMessage,
  recordMessage,
} from "../fixtures/record_messages.ts";

const encoder = new TextEncoder();

function viewOf(...results: readonly Fields[]): LookupResultView {
  const bytes = lookupResponseMessage.encode({ results });
  return new LookupResultView().reset(bytes).addResponse();
}

/** The metadata of a record that has these entries. */
function metadataOf(entries: Uint8Array | undefined): unknown {
  return (recordMessage.decode(entries!) as { metadata: unknown }).metadata;
}

Deno.test("LookupResultView gives what was found as metadata behind the prefix", () => {
  const view = viewOf(
    { originalId: { sequenceNumber: 7 }, status: LookupStatus.Found },
    {
      originalId: { sequenceNumber: 8 },
      status: LookupStatus.Found,
      lookupData: {
        city: encoder.encode("Łódź"),
        state: new Uint8Array(0),
      },
    },
    { originalId: { sequenceNumber: 9 }, status: LookupStatus.NotFound },
  );
  assertEquals(view.statuses.slice(0, 3), [
    LookupStatus.Found,
    LookupStatus.Found,
    LookupStatus.NotFound,
  ]);
  assertEquals(view.ids.sequence(1), 8n);
  assertEquals(view.metadata(0, "x."), new Uint8Array(0));
  assertEquals(metadataOf(view.metadata(1, "air.")), {
    "air.city": "Łódź",
    "air.state": "",
  });
  assertEquals(view.metadata(2, ""), new Uint8Array(0));
});

Deno.test("LookupResultView gives nothing where a value is not text", () => {
  const view = viewOf({
    status: LookupStatus.Found,
    lookupData: { good: encoder.encode("a"), bad: Uint8Array.of(0xff) },
  });
  assertEquals(view.metadata(0, ""), undefined);
});

Deno.test("LookupResultView forgets everything when used again, and refuses what is cut short", () => {
  const view = viewOf({
    status: LookupStatus.Found,
    lookupData: { city: encoder.encode("a") },
  });
  const bytes = lookupResponseMessage.encode({ results: [{}] });
  view.reset(bytes).addResponse();
  assertEquals([view.count, view.statuses[0]], [1, 0 as LookupStatus]);
  assertEquals(view.metadata(0, ""), new Uint8Array(0));
  const whole = lookupResponseMessage.encode({
    results: [{ lookupData: { city: encoder.encode("abc") } }],
  });
  for (let length = 1; length < whole.length; length++) {
    assertThrows(
      () => view.reset(whole.subarray(0, length)).addResponse(),
      WireError,
    );
  }
});
