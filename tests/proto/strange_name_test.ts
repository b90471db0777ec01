import { assertEquals, assertThrows } from "@std/assert";
import { ConveyorError } from "../../lib/errors.ts";
import { schema } from "../../proto/schema.ts";
import { refuseStrangeNames } from "../../proto/strange_name.ts";

const type = schema.lookupType("conveyor.router.PipelineConfig");

function refused(config: unknown): string {
  return assertThrows(
    () => refuseStrangeNames(type, config, "config"),
    ConveyorError,
  ).message;
}

Deno.test("refuseStrangeNames() tells where a name stands, and which is meant", () => {
  assertEquals(
    refused({ id: "a", stages: [{ id: "in" }, { stage_type: 1 }] }),
    'Cannot accept "config.stages[1].stage_type": must be a field of Stage, such as "stageType", found "stage_type"',
  );
  assertEquals(
    refused({
      edges: [{ condition: { not: { condition: { recordtype: "" } } } }],
    }),
    'Cannot accept "config.edges[0].condition.not.condition.recordtype": must be a field of Condition, such as "recordType", found "recordtype"',
  );
  assertEquals(
    refused(JSON.parse('{"__proto__":1}')),
    'Cannot accept "config.__proto__": must be a field of PipelineConfig, found "__proto__"',
  );
});

Deno.test("refuseStrangeNames() lets fields, entries of maps, and what is no message pass", () => {
  refuseStrangeNames(type, {
    id: "a",
    metadata: { anything: "goes" },
    stages: [{ id: "in", serviceSelector: undefined, lookup: null }],
  }, "config");
  for (const config of [undefined, null, 7, "text"]) {
    refuseStrangeNames(type, config, "config");
  }
  refuseStrangeNames(type, { deadLetter: { maxRecords: 1n } }, "config");
});
