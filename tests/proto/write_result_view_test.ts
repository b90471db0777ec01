import { assertEquals } from "@std/assert";
import { seededRandom } from "../../lib/random.ts";
import { WriteStatus } from "../../proto/messages/sink.ts";
import { WriteResultView } from "../../proto/write_result_view.ts";
import { randomWriteResponse } from "../fixtures/random_records.ts";
import { writeResponseMessage } from "../fixtures/record_messages.ts";
import { expectedWrite, writeFields } from "../fixtures/view_fields.ts";

Deno.test("WriteResultView reads what protobufjs reads", () => {
  const random = seededRandom(41);
  const view = new WriteResultView();
  for (let i = 0; i < 500; i++) {
    const bytes = writeResponseMessage.encode(randomWriteResponse(random));
    assertEquals(
      writeFields(view.reset(bytes).addResponse()),
      expectedWrite(writeResponseMessage.decode(bytes)),
    );
  }
});

Deno.test("WriteResultView starts from the defaults when used again", () => {
  const view = new WriteResultView();
  view.reset(writeResponseMessage.encode({
    status: WriteStatus.Partial,
    results: [{ success: true, retryable: true, error: "busy" }],
  })).addResponse();
  assertEquals(
    [view.status, view.successes[0], view.retryables[0], view.error(0)],
    [WriteStatus.Partial, true, true, "busy"],
  );
  view.reset(writeResponseMessage.encode({ results: [{}] })).addResponse();
  assertEquals(
    [view.status, view.successes[0], view.retryables[0], view.error(0)],
    [WriteStatus.Unspecified, false, false, ""],
  );
});
