/** A pipeline made ready for a flow from the configuration that the cluster has of it. */
import { messageOf } from "../errors.ts";
import { log } from "../log.ts";
import type { PipelineConfig } from "../../proto/messages/router.ts";
import { compilePipeline } from "../routing/pipeline.ts";
import type { CompiledPipeline } from "../routing/types.ts";

/**
 * The pipeline; undefined, and logged with the reason, where it cannot be run. It was valid for the node
 * that took it: then that one runs another version. `configOf` may throw.
 */
export function runnablePipeline(
  pipelineId: string,
  configOf: () => PipelineConfig,
): CompiledPipeline | undefined {
  try {
    const result = compilePipeline(configOf());
    if (result.kind === "valid") return { ...result.pipeline, id: pipelineId };
    log.error("Cannot run a pipeline: this version finds it invalid", {
      pipeline: pipelineId,
      faults: result.faults,
    });
  } catch (error) {
    log.error("Cannot run a pipeline", {
      pipeline: pipelineId,
      reason: messageOf(error),
    });
  }
  return undefined;
}
