/** The demo's pipeline: parse, look the airport up, classify, and fan out to three sinks. */
import { type Stage, StageType } from "@conveyor/grpc";

/** What the router calls it. */
export const pipelineId = "flights";

type Init<T> = { readonly [P in keyof T]?: unknown };

function stage(
  id: string,
  stageType: StageType,
  rest: Init<Stage> = {},
): Init<Stage> {
  return { id, stageType, serviceSelector: { serviceName: id }, ...rest };
}

const retry = {
  maxAttempts: 2,
  initialBackoff: { seconds: 0n, nanos: 10_000_000 },
};

/** The pipeline, for `AdminClient.createPipeline`. */
export const flightsPipeline = {
  id: pipelineId,
  name: "Flights",
  description:
    "Archives flights, and counts the late ones and where they start",
  enabled: true,
  stages: [
    stage("flights", StageType.Source),
    stage("parse", StageType.Transform, { retry }),
    stage("airports", StageType.Lookup, {
      lookup: {
        keyFields: ["origin"],
        outputPrefix: "origin.",
        cacheEntries: 1_000,
        cacheTtl: { seconds: 60n, nanos: 0 },
      },
    }),
    stage("classify", StageType.Transform),
    stage("archive", StageType.Sink),
    stage("late", StageType.Sink),
    stage("counter", StageType.Sink),
  ],
  edges: [
    { fromStage: "flights", toStage: "parse" },
    { fromStage: "parse", toStage: "airports" },
    { fromStage: "airports", toStage: "classify" },
    { fromStage: "classify", toStage: "archive" },
    {
      fromStage: "classify",
      toStage: "late",
      condition: { recordType: "flight.late" },
    },
    { fromStage: "classify", toStage: "counter" },
  ],
} as Parameters<
  import("@conveyor/grpc").AdminClient["createPipeline"]
>[0];
