/**
 * RouterAdmin: the pipelines, and how the router and its cluster are. A pipeline is checked whole
 * before it is proposed, so that what stands in the state always compiles. What the state refuses for
 * its own reasons (an id that is taken, a version that is not the present one) is told in the body,
 * as existing clients expect; what is unknown or malformed is an error of the call.
 */
import { codecOf, type MessageInit } from "../../proto/codec.ts";
import {
  ClusterHealth,
  NodeRole,
  type NodeStatus,
  type PipelineConfig,
  type RouterAdminMethods,
  type StageStatus,
} from "../../proto/messages/router.ts";
import type { Pipeline } from "../../proto/messages/state.ts";
import { schema } from "../../proto/schema.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import { Code, ConveyorError, invalidArgument } from "../errors.ts";
import { requiredString } from "../options.ts";
import { compilePipeline } from "../routing/pipeline.ts";
import type { Handlers } from "../rpc/handler.ts";
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

  constructor(replicated: ReplicatedState, activity: PipelineActivity) {
    this.#replicated = replicated;
    this.#activity = activity;
  }

  createPipeline: AdminHandlers["createPipeline"] = async (
    { config },
    { signal },
  ) => {
    const checked = checkedConfig(config);
    const pipelineId = checked.id || crypto.randomUUID();
    const named = { ...checked, id: pipelineId };
    try {
      await this.#replicated.change(`create pipeline "${pipelineId}"`, {
        createPipeline: {
          pipelineId,
          config: configCodec.encode(named),
          enabled: named.enabled,
        },
      }, signal);
      return { success: true, pipelineId };
    } catch (error) {
      return { success: false, pipelineId, error: domainRefusal(error) };
    }
  };

  updatePipeline: AdminHandlers["updatePipeline"] = async (
    { pipelineId, config },
    { signal },
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
        signal,
      );
      return { success: true, version: BigInt(pipeline?.version ?? 0) };
    } catch (error) {
      return { success: false, error: domainRefusal(error) };
    }
  };

  deletePipeline: AdminHandlers["deletePipeline"] = async (
    { pipelineId, force },
    { signal },
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
        signal,
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

  getClusterStatus: AdminHandlers["getClusterStatus"] = () => {
    const { metadata } = this.#replicated;
    const status = metadata.status();
    const nodes = metadata.members.filter(({ removed }) => !removed).map(
      ({ id, address }): MessageInit<NodeStatus> => {
        const peer = status.peers.find((peer) => peer.id === id);
        const own = id === status.id;
        return {
          nodeId: BigInt(id),
          address,
          role: roleOf(id, status),
          healthy: own || (peer?.recentActive ?? status.lead === id),
          matchIndex: BigInt(peer?.match ?? (own ? status.commit : 0)),
        };
      },
    );
    return {
      nodeId: BigInt(status.id),
      leaderId: BigInt(status.lead),
      term: BigInt(status.term),
      commitIndex: BigInt(status.commit),
      appliedIndex: BigInt(status.applied),
      nodes,
      health: healthOf(status.lead, nodes),
    };
  };

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

function roleOf(
  id: number,
  status: { readonly lead: number; readonly learners: readonly number[] },
): NodeRole {
  if (id === status.lead) return NodeRole.Leader;
  return status.learners.includes(id) ? NodeRole.Learner : NodeRole.Follower;
}

function healthOf(
  lead: number,
  nodes: readonly MessageInit<NodeStatus>[],
): ClusterHealth {
  if (lead === 0) return ClusterHealth.Unhealthy;
  return nodes.every(({ healthy }) => healthy)
    ? ClusterHealth.Healthy
    : ClusterHealth.Degraded;
}
