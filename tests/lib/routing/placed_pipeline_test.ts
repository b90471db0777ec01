import { assertEquals } from "@std/assert";
import { relayBatchRecords } from "../../../lib/limits.ts";
import { placedPipeline } from "../../../lib/routing/placed_pipeline.ts";
import { edge, stage, validPipeline } from "../../fixtures/pipelines.ts";

const pipeline = validPipeline({
  stages: [
    stage("orders", "source"),
    stage("enrich", "transform", { parallelism: 3 }),
    stage("archive", "sink"),
    stage("alert", "sink"),
  ],
  edges: [
    edge("orders", "enrich"),
    edge("enrich", "archive"),
    edge("enrich", "alert"),
  ],
});

Deno.test("placedPipeline() has nothing come out of a stage that runs elsewhere", () => {
  const placed = placedPipeline(pipeline, (id) => id === "enrich");
  const [source, relay, archive] = placed.stages;
  assertEquals(source, pipeline.stages[0]);
  assertEquals(archive, pipeline.stages[2]);
  assertEquals(relay?.kind, "relay");
  assertEquals(relay?.routes, { kind: "fixed", targets: [] });
  assertEquals([relay?.index, relay?.id, relay?.parallelism], [1, "enrich", 3]);
  assertEquals(relay?.batch.recordsMax, relayBatchRecords);
});

Deno.test("placedPipeline() counts only the sinks that run here", () => {
  const placed = placedPipeline(pipeline, (id) => id === "archive");
  assertEquals(placed.sinks.map(({ id }) => id), ["alert"]);
});

Deno.test("placedPipeline() never moves a source, and leaves the rest as it is", () => {
  const placed = placedPipeline(pipeline, (id) => id === "orders");
  assertEquals(placed, pipeline);
});
