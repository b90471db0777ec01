/**
 * RouterAdmin: the pipelines, and how the router and its cluster are. A pipeline is checked whole
 * before it is proposed, so that what stands in the state always compiles. What the state refuses for
 * its own reasons (an id that is taken, a version that is not the present one) is told in the body,
 * as existing clients expect; what is unknown or malformed is an error of the call.
 */
import { codecOf, type MessageInit } from "../../proto/codec.ts";
import type {
  PipelineConfig,
  RouterAdminMethods,
  StageStatus,
} from "../../proto/messages/router.ts";
import type { Pipeline } from "../../proto/messages/state.ts";
import { schema } from "../../proto/schema.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import { Code, ConveyorError, invalidArgument } from "../errors.ts";
import { pipelineBytesMax } from "../limits.ts";
import { requiredString } from "../options.ts";
import { compilePipeline } from "../routing/pipeline.ts";
import type { Handlers } from "../rpc/handler.ts";
import { clusterView, type LeaderStatusPort } from "./cluster_view.ts";
import { nameFrom, requestIdOf } from "./request_id.ts";
import { timestampOf } from "./wire_time.ts";

/** RouterAdmin, for the server to serve. */
export const adminService: Service<RouterAdminMethods> = serviceOf(
  "conveyor.router.RouterAdmin",
);

const configCodec = codecOf<PipelineConfig>(
  schema.lookupType("conveyor.router.PipelineConfig"),
);

/** What runs on this node of the pipelines. */
export interface PipelineActivity {
  /** How the stages of a pipeline go, by stage id. */
  stageStatuses(pipelineId: string): Record<string, MessageInit<StageStatus>>;
  /** Records of a pipeline that are under way. */
  pendingRecords(pipelineId: string): bigint;
  /** Resolves when no record of the pipeline is under way any more. */
  drained(pipelineId: string, signal: AbortSignal): Promise<void>;
  /** Every metric of the node by its name. */
  metrics(): ReadonlyMap<string, number>;
}

type AdminHandlers = Required<Handlers<RouterAdminMethods>>;

/** The handlers of a node. */
export class AdminHandler implements AdminHandlers {
  readonly #replicated: ReplicatedState;
  readonly #activity: PipelineActivity;
  readonly #leader: LeaderStatusPort | undefined;

  /** Without `leader` a node that does not lead cannot say how the others are. */
  constructor(
    replicated: ReplicatedState,
    activity: PipelineActivity,
    leader?: LeaderStatusPort,
  ) {
    this.#replicated = replicated;
    this.#activity = activity;
    this.#leader = leader;
  }

  createPipeline: AdminHandlers["createPipeline"] = async (
    { config },
    context,
  ) => {
    const checked = checkedConfig(config);
    const requestId = requestIdOf(context);
    const pipelineId = checked.id || nameFrom(requestId);
    const named = { ...checked, id: pipelineId };
    try {
      await this.#replicated.change(
        `create pipeline "${pipelineId}"`,
        {
          createPipeline: {
            pipelineId,
            config: configCodec.encode(named),
            enabled: named.enabled,
          },
        },
        context.signal,
        requestId,
      );
      return { success: true, pipelineId };
    } catch (error) {
      return { success: false, pipelineId, error: domainRefusal(error) };
    }
  };

  updatePipeline: AdminHandlers["updatePipeline"] = async (
    { pipelineId, config },
    context,
  ) => {
    requiredString("pipeline_id", pipelineId);
    const checked = checkedConfig(config);
    if (checked.id !== "" && checked.id !== pipelineId) {
      throw invalidArgument(
        "config.id",
        `must be "${pipelineId}", the pipeline to update, or empty`,
        checked.id,
      );
    }
    try {
      const { pipeline } = await this.#replicated.change(
        `update pipeline "${pipelineId}"`,
        {
          updatePipeline: {
            pipelineId,
            config: configCodec.encode({ ...checked, id: pipelineId }),
            enabled: checked.enabled,
          },
        },
        context.signal,
        requestIdOf(context),
      );
      return { success: true, version: BigInt(pipeline?.version ?? 0) };
    } catch (error) {
      return { success: false, error: domainRefusal(error) };
    }
  };

  deletePipeline: AdminHandlers["deletePipeline"] = async (
    { pipelineId, force },
    context,
  ) => {
    requiredString("pipeline_id", pipelineId);
    const pending = this.#activity.pendingRecords(pipelineId);
    if (pending > 0n && !force) {
      return {
        success: false,
        error:
          `Cannot delete pipeline "${pipelineId}": ${pending} records are under way`,
      };
    }
    try {
      await this.#replicated.change(
        `delete pipeline "${pipelineId}"`,
        { deletePipeline: { pipelineId, force } },
        context.signal,
        requestIdOf(context),
      );
      return { success: true };
    } catch (error) {
      return { success: false, error: domainRefusal(error) };
    }
  };

  getPipeline: AdminHandlers["getPipeline"] = async (
    { pipelineId },
    { signal },
  ) => {
    requiredString("pipeline_id", pipelineId);
    const state = await this.#replicated.upToDate(signal);
    const pipeline = state.pipelines.get(pipelineId);
    if (pipeline === undefined) return { found: false };
    return {
      found: true,
      config: configOf(pipeline),
      status: {
        enabled: pipeline.enabled,
        version: BigInt(pipeline.version),
        createdAt: timestampOf(pipeline.createdAtMs),
        updatedAt: timestampOf(pipeline.updatedAtMs),
        stageStatuses: this.#activity.stageStatuses(pipelineId),
      },
    };
  };

  listPipelines: AdminHandlers["listPipelines"] = async (
    { includeDisabled },
    { signal },
  ) => {
    const state = await this.#replicated.upToDate(signal);
    const pipelines = state.pipelines.list();
    return {
      pipelines: pipelines
        .filter(({ enabled }) => enabled || includeDisabled)
        .map(configOf),
    };
  };

  enablePipeline: AdminHandlers["enablePipeline"] = async (
    { pipelineId },
    { signal },
  ) => {
    await this.#setEnabled(pipelineId, true, signal);
    return { success: true };
  };

  disablePipeline: AdminHandlers["disablePipeline"] = async (
    { pipelineId, drain },
    { signal },
  ) => {
    await this.#setEnabled(pipelineId, false, signal);
    if (drain) await this.#activity.drained(pipelineId, signal);
    const pendingRecords = this.#activity.pendingRecords(pipelineId);
    return { success: true, pendingRecords };
  };

  getClusterStatus: AdminHandlers["getClusterStatus"] = (
    _request,
    { signal },
  ) => clusterView(this.#replicated.metadata, this.#leader, signal);

  getMetrics: AdminHandlers["getMetrics"] = ({ metricNames }) => {
    const metrics = this.#activity.metrics();
    if (metricNames.length === 0) {
      return { metrics: Object.fromEntries(metrics) };
    }
    const chosen = metricNames.flatMap((name) => {
      const value = metrics.get(name);
      return value === undefined ? [] : [[name, value] as const];
    });
    return { metrics: Object.fromEntries(chosen) };
  };

  async #setEnabled(
    pipelineId: string,
    enabled: boolean,
    signal: AbortSignal,
  ): Promise<void> {
    requiredString("pipeline_id", pipelineId);
    await this.#replicated.change(
      `${enabled ? "enable" : "disable"} pipeline "${pipelineId}"`,
      { setPipelineEnabled: { pipelineId, enabled } },
      signal,
    );
  }
}

/** The configuration that stands in the state. */
export function configOf(pipeline: Readonly<Pipeline>): PipelineConfig {
  const config = configCodec.decode(pipeline.config);
  return { ...config, enabled: pipeline.enabled };
}

/** A configuration that compiles. InvalidArgument tells every fault that it has. */
function checkedConfig(config: PipelineConfig | undefined): PipelineConfig {
  if (config === undefined) {
    throw invalidArgument("config", "must be given", config);
  }
  const { length } = configCodec.encode(config);
  if (length > pipelineBytesMax) {
    const rule = `must take at most ${pipelineBytesMax} bytes`;
    throw invalidArgument("config", rule, length);
  }
  const result = compilePipeline(config);
  if (result.kind === "valid") return config;
  const faults = result.faults.map(({ field, description }) =>
    `${field} ${description}`
  );
  throw new ConveyorError(
    Code.InvalidArgument,
    `Cannot accept pipeline "${config.id}": ${faults.join("; ")}`,
    { details: result.faults },
  );
}

/** What an existing client reads in the body; anything else is thrown on. */
function domainRefusal(error: unknown): string {
  const refused = error instanceof ConveyorError &&
    (error.code === Code.AlreadyExists || error.code === Code.Aborted ||
      error.code === Code.FailedPrecondition);
  if (!refused) throw error;
  return error.message;
}
