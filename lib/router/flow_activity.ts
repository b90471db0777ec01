/** What runs on this node, for those who ask: operators, metrics, and services that want to leave. */
import { within } from "../consensus/within.ts";
import type { Failure } from "../delivery/work.ts";
import type { Flow } from "../flow/flow.ts";
import type { StageReport } from "../flow/flow_report.ts";
import type { PipelineActivity } from "../handlers/admin_handler.ts";
import type { ServiceActivity } from "../handlers/registry_handler.ts";
import { numbers } from "../metrics/exposition.ts";
import type { MetricSource } from "../metrics/sample.ts";
import { flowMetrics } from "../flow/flow_metrics.ts";
import type { UnderWay } from "./under_way.ts";

/** Why sources cannot be pulled from. */
export interface PullTroubles {
  /** By the id of the source. */
  troubles(): ReadonlyMap<string, Failure>;
}

/** What a failure is called; nothing where there is none. */
export function textOf(failure: Failure | undefined): string {
  return failure === undefined ? "" : `${failure.code}: ${failure.message}`;
}

/** The flow, as handlers and metrics see it. */
export class FlowActivity implements PipelineActivity, ServiceActivity {
  readonly #flow: Flow;
  readonly #underWay: UnderWay;
  readonly #pulls: PullTroubles;
  /** All metrics of the node. */
  readonly metricSources: readonly MetricSource[];

  /** `others` are the metrics of the node beside those of the flow. */
  constructor(
    flow: Flow,
    underWay: UnderWay,
    pulls: PullTroubles,
    others: readonly MetricSource[],
  ) {
    this.#flow = flow;
    this.#underWay = underWay;
    this.#pulls = pulls;
    this.metricSources = [...others, () => flowMetrics(flow)];
  }

  stageStatuses(
    pipelineId: string,
  ): ReturnType<PipelineActivity["stageStatuses"]> {
    const { stages } = this.#flow.report(pipelineId) ?? { stages: new Map() };
    const pulling = this.#pullTroubles(pipelineId);
    return Object.fromEntries(
      Array.from(stages as ReadonlyMap<string, StageReport>, ([id, stage]) => [
        id,
        {
          recordsProcessed: BigInt(stage.processed),
          recordsBuffered: BigInt(stage.buffered),
          errors: BigInt(stage.errors),
          avgLatencyMs: stage.avgLatencyMs,
          trouble: textOf(stage.trouble ?? pulling.get(id)),
        },
      ]),
    );
  }

  /** Records under way: in a pipeline, or to an instance of a service. */
  pendingRecords(id: string): bigint {
    const branches = this.#flow.report(id)?.branches;
    return BigInt(branches ?? this.#underWay.of(id));
  }

  async drained(pipelineId: string, signal: AbortSignal): Promise<void> {
    await within(this.#flow.whenSettled(pipelineId), signal);
  }

  serviceDrained: ServiceActivity["serviceDrained"] = (serviceId, signal) =>
    this.#underWay.none(serviceId, signal);

  /** Why nothing comes in at source stages that are fed by pulls of this node. */
  #pullTroubles(pipelineId: string): ReadonlyMap<string, Failure> {
    const troubles = new Map<string, Failure>();
    for (const [sourceId, failure] of this.#pulls.troubles()) {
      for (const stageId of this.#flow.entriesOf(pipelineId, sourceId)) {
        troubles.set(stageId, failure);
      }
    }
    return troubles;
  }

  metrics(): ReadonlyMap<string, number> {
    return numbers(this.metricSources);
  }
}
