/**
 * A pipeline of which a part runs elsewhere: a stage that does hands its records over, and nothing
 * comes out of it here. The other stages are as they were, under the same indexes.
 */
import { relayBatchRecords } from "../limits.ts";
import type { CompiledPipeline, CompiledStage, RelayStage } from "./types.ts";

/** The pipeline as it runs where `isElsewhere` holds of some of its stages; never of a source. */
export function placedPipeline(
  pipeline: CompiledPipeline,
  isElsewhere: (stageId: string) => boolean,
): CompiledPipeline {
  const stages = pipeline.stages.map((stage): CompiledStage =>
    stage.kind !== "source" && isElsewhere(stage.id) ? relayOf(stage) : stage
  );
  return {
    ...pipeline,
    stages,
    sinks: stages.filter((stage) => stage.kind === "sink"),
  };
}

function relayOf(stage: CompiledStage): RelayStage {
  const { index, id, selector, parallelism, queueRecords, batch, retry } =
    stage;
  return {
    kind: "relay",
    index,
    id,
    // One sidecar does the work whatever the key is.
    selector: { ...selector, loadBalance: "round_robin" },
    parallelism,
    queueRecords,
    // A call lasts until all that comes after is done: it takes what has gathered meanwhile.
    batch: {
      ...batch,
      recordsMax: Math.max(batch.recordsMax, relayBatchRecords),
    },
    retry,
    // That the service is away is found where the stage runs; here a sidecar is, until it moves.
    onUnavailable: "block",
    routes: { kind: "fixed", targets: [] },
  };
}
