/** How a pipeline goes, as it is told to people: by stage, over all versions that have records. */
import type { Failure } from "../delivery/work.ts";
import type { PipelineRun } from "./pipeline_run.ts";
import type { StageRun } from "./stage_run.ts";

/** A pipeline. */
export interface PipelineReport {
  /** Records in it, each once for every place where something of it is. */
  readonly branches: number;
  /** By stage id. */
  readonly stages: ReadonlyMap<string, StageReport>;
}

/** A stage. */
export interface StageReport {
  readonly processed: number;
  readonly buffered: number;
  readonly errors: number;
  readonly deadLettered: number;
  readonly dropped: number;
  /** Of calls that were answered. */
  readonly avgLatencyMs: number;
  /** Why the stage waits; undefined while it does not. */
  readonly trouble: Failure | undefined;
}

/** The report of these versions of a pipeline; undefined when there is none. */
export function reportOf(
  runs: readonly PipelineRun[],
): PipelineReport | undefined {
  if (runs.length === 0) return undefined;
  const stages = new Map<string, StageReport>();
  let branches = 0;
  for (const run of runs) {
    branches += run.branches;
    for (const stage of run.stages) {
      const { id } = stage.settings;
      stages.set(id, sum(stages.get(id), stage));
    }
  }
  return { branches, stages };
}

function sum(before: StageReport | undefined, stage: StageRun): StageReport {
  const { counters } = stage;
  const latencyMs = counters.calls === 0 ? 0 : counters.callMs / counters.calls;
  return {
    processed: (before?.processed ?? 0) + counters.processed,
    buffered: (before?.buffered ?? 0) + stage.buffered,
    errors: (before?.errors ?? 0) + counters.errors,
    deadLettered: (before?.deadLettered ?? 0) + counters.deadLettered,
    dropped: (before?.dropped ?? 0) + counters.dropped,
    avgLatencyMs: before?.avgLatencyMs || latencyMs,
    trouble: before?.trouble ?? stage.trouble,
  };
}
