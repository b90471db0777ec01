import { assertEquals } from "@std/assert";
import { seededRandom } from "../../lib/random.ts";
import { TransformStatus } from "../../proto/messages/transform.ts";
import { TransformResultView } from "../../proto/transform_result_view.ts";
import { randomProcessResponse } from "../fixtures/random_records.ts";
import { processResponseMessage } from "../fixtures/record_messages.ts";
import { expectedTransform, transformFields } from "../fixtures/view_fields.ts";

Deno.test("TransformResultView reads what protobufjs reads", () => {
  const random = seededRandom(31);
  const view = new TransformResultView();
  for (let i = 0; i < 500; i++) {
    const bytes = processResponseMessage.encode(randomProcessResponse(random));
    assertEquals(
      transformFields(view.reset(bytes).addResponse()),
      expectedTransform(processResponseMessage.decode(bytes)),
    );
  }
});

Deno.test("TransformResultView gives each result its outputs", () => {
  const bytes = processResponseMessage.encode({
    batchId: "b",
    results: [
      {
        status: TransformStatus.Split,
        outputRecords: [{ recordType: "x" }, { recordType: "y" }],
      },
      { status: TransformStatus.Filtered },
      {
        status: TransformStatus.Success,
        outputRecords: [{ recordType: "z" }],
      },
      { status: TransformStatus.Error, errorMessage: "no such field" },
    ],
  });
  const view = new TransformResultView().reset(bytes).addResponse();
  const ranges = [0, 1, 2, 3].map((
    i,
  ) => [view.outputsStart(i), view.outputsEnd(i)]);
  assertEquals(ranges, [[0, 2], [2, 2], [2, 3], [3, 3]]);
  assertEquals(view.outputs.recordTypes.slice(0, 3), ["x", "y", "z"]);
  assertEquals(view.statuses.slice(0, 4), [4, 2, 1, 3]);
  assertEquals(view.error(3), "no such field");
});

Deno.test("TransformResultView keeps statuses that it does not know", () => {
  const bytes = processResponseMessage.encode({
    results: [{ status: 77 }, { status: -1 }],
  });
  const view = new TransformResultView().reset(bytes).addResponse();
  assertEquals(view.statuses.slice(0, 2) as number[], [77, -1]);
});
