import { assertEquals, assertStrictEquals } from "@std/assert";
import { outlineOf } from "../../../lib/state/pipeline_outline.ts";
import { codecOf } from "../../../proto/codec.ts";
import {
  type PipelineConfig,
  StageType,
} from "../../../proto/messages/router.ts";
import { schema } from "../../../proto/schema.ts";
import { orders } from "../../fixtures/machine.ts";

const codec = codecOf<PipelineConfig>(
  schema.lookupType("conveyor.router.PipelineConfig"),
);

/** Stages and what comes after each: "a>b a>c". */
function outline(stages: string, edges: string): string[] {
  const config = codec.encode({
    stages: stages.split(" ").map((id) => ({ id })),
    edges: edges.split(" ").map((edge) => {
      const [fromStage, toStage] = edge.split(">") as [string, string];
      return { fromStage, toStage };
    }),
  });
  return outlineOf({ pipelineId: "p", config }).stages.map(({ id, next }) =>
    `${id}>${next.join(",")}`
  );
}

Deno.test("outlineOf() has each stage before those that come after it", () => {
  assertEquals(outline("d c b a", "a>b a>c b>d c>d"), [
    "a>b,c",
    "b>d",
    "c>d",
    "d>",
  ]);
});

Deno.test("outlineOf() leaves out edges to nowhere, repeated ones, and those that close a circle", () => {
  assertEquals(outline("a b", "a>b a>b a>x x>b b>b"), ["a>b", "b>"]);
  assertEquals(outline("a b c", "a>b b>c c>b"), ["a>b", "b>c", "c>"]);
});

Deno.test("outlineOf() reads what the state needs, once for each configuration", () => {
  const pipeline = { pipelineId: "p", config: orders };
  const { id, stages } = outlineOf(pipeline);
  assertEquals(id, "p");
  assertEquals(stages[0], {
    id: "in",
    stageType: StageType.Source,
    service: "shop",
    groupId: "",
    labels: {},
    parallelism: 0,
    next: ["mid"],
  });
  assertStrictEquals(outlineOf({ ...pipeline }).stages, stages);
});

Deno.test("outlineOf() has no stages when the configuration cannot be read", () => {
  const config = new Uint8Array([0xff]);
  assertEquals(outlineOf({ pipelineId: "p", config }).stages, []);
});
