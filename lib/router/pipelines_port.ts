/** What hears of pipelines and services that come and go, for the supervisor to tell. */
import type { Flow } from "../flow/flow.ts";
import type { PipelinesPort } from "./pipeline_supervisor.ts";
import type { PulledStages } from "./pulled_stages.ts";
import type { PullSupervisor } from "./pull_supervisor.ts";
import type { StateDirectory } from "./service_directory.ts";

/** The parts that hear of it, each before those that ask it. */
export interface PipelineParts {
  readonly directory: StateDirectory;
  readonly outlets: PulledStages;
  readonly flow: Flow;
  readonly pulls: PullSupervisor;
}

/** The parts as one. */
export function pipelinesPort(
  { directory, outlets, flow, pulls }: PipelineParts,
): PipelinesPort {
  return {
    setPipeline: (pipeline) => {
      outlets.set(pipeline);
      flow.setPipeline(pipeline);
    },
    removePipeline: (pipelineId) => {
      outlets.remove(pipelineId);
      return flow.removePipeline(pipelineId);
    },
    giveUpPipeline: (pipelineId) => flow.giveUpPipeline(pipelineId),
    servicesChanged: () => {
      directory.changed();
      flow.servicesChanged();
    },
    offsetRaised: (...offset) => flow.offsetRaised(...offset),
    pullsChanged: () => pulls.changed(),
  };
}
