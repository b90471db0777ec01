/**
 * CheckpointService: up to where the records of each source are settled, by the router's count and by
 * that of groups; how far event time has come; and what services have saved to resume from. Offsets
 * and watermarks only rise; a lower one is answered with success=false and changes nothing. What is
 * read is linearizable, so a source that asks any node where to resume misses no commit that was
 * answered.
 */
import type { MessageInit } from "../../proto/codec.ts";
import type {
  CheckpointServiceMethods,
  PartitionOffsets,
} from "../../proto/messages/checkpoint.ts";
import type { Watermark } from "../../proto/messages/common.ts";
import type { Timestamp } from "../../proto/messages/google.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import { type Clock, systemClock } from "../clock.ts";
import { Gatherer } from "../consensus/gatherer.ts";
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import { within } from "../consensus/within.ts";
import { Code, ConveyorError, invalidArgument } from "../errors.ts";
import type { Flow } from "../flow/flow.ts";
import { checkpointBytesMax } from "../limits.ts";
import { requiredString } from "../options.ts";
import type { Handlers } from "../rpc/handler.ts";
import type { PartitionOffset } from "../state/offset_tables.ts";
import { GlobalWatermark } from "./global_watermark.ts";
import {
  commitOffsets,
  type OffsetCommit,
  type OffsetOutcome,
  raiseWatermarks,
} from "./offset_changes.ts";
import { nameFrom, requestIdOf } from "./request_id.ts";
import { timestampOf } from "./wire_time.ts";

/** CheckpointService, for the server to serve. */
export const checkpointService: Service<CheckpointServiceMethods> = serviceOf(
  "conveyor.checkpoint.CheckpointService",
);

/** The flow whose offsets are asked for. */
export type OffsetsPort = Pick<Flow, "commitOffsets">;

type CheckpointHandlers = Required<Handlers<CheckpointServiceMethods>>;

/** The highest sequence number there is: nothing follows it. */
const sequenceMax = 2n ** 64n - 1n;

/** The handlers of a node. */
export class CheckpointHandler implements CheckpointHandlers {
  readonly #replicated: ReplicatedState;
  readonly #offsets: Gatherer<OffsetCommit, OffsetOutcome>;
  readonly #watermarks: Gatherer<Watermark, boolean>;
  readonly #global: GlobalWatermark;
  readonly #flow: OffsetsPort;

  /** `flow` is that of the node. */
  constructor(
    replicated: ReplicatedState,
    flow: OffsetsPort,
    clock: Clock = systemClock,
  ) {
    this.#replicated = replicated;
    this.#flow = flow;
    this.#offsets = new Gatherer((commits) =>
      commitOffsets(replicated, commits)
    );
    this.#watermarks = new Gatherer((watermarks) =>
      raiseWatermarks(replicated, watermarks)
    );
    this.#global = new GlobalWatermark(clock);
  }

  commitOffset: CheckpointHandlers["commitOffset"] = async (
    { sourceId, partition, offset },
    { signal },
  ) => {
    requiredString("source_id", sourceId);
    const commit = { sourceId, partition, offset };
    const outcome = await this.#offsets.add(commit, signal);
    return { success: outcome === "committed" };
  };

  getSourceOffset: CheckpointHandlers["getSourceOffset"] = async (
    { sourceId, partition },
    { signal },
  ) => {
    requiredString("source_id", sourceId);
    // What a source has heard of counts for it, though its commit may still be about to begin.
    await within(this.#flow.commitOffsets(sourceId), signal);
    const { offsets: table } = await this.#replicated.upToDate(signal);
    const offsets: Record<number, bigint> = {};
    const timestamps: Record<number, Timestamp> = {};
    const one = partition !== undefined && table.get(sourceId, partition);
    const all = partition === undefined ? table.list(sourceId) : [];
    for (const { partition, offset, committedAtMs } of one ? [one] : all) {
      offsets[partition] = offset < sequenceMax ? offset + 1n : sequenceMax;
      timestamps[partition] = timestampOf(committedAtMs);
    }
    return { offsets, timestamps };
  };

  reportWatermark: CheckpointHandlers["reportWatermark"] = async (
    { watermark },
    { signal },
  ) => {
    if (watermark === undefined) {
      throw invalidArgument("watermark", "must be given", watermark);
    }
    requiredString("watermark.source_id", watermark.sourceId);
    const accepted = await this.#watermarks.add(watermark, signal);
    const { watermarks } = this.#replicated.state;
    const currentGlobalWatermark = this.#global.of(watermarks);
    return { accepted, currentGlobalWatermark };
  };

  getWatermark: CheckpointHandlers["getWatermark"] = async (
    { sourceId, partition },
    { signal },
  ) => {
    const { watermarks } = await this.#replicated.upToDate(signal);
    const found = sourceId === ""
      ? watermarks.all()
      : watermarks.list(sourceId);
    const wanted = partition === undefined
      ? found
      : found.filter((each) => each.partition === partition);
    return {
      watermarks: wanted,
      globalWatermark: this.#global.of(watermarks),
    };
  };

  saveCheckpoint: CheckpointHandlers["saveCheckpoint"] = async (
    { serviceId, checkpointId, data, sourceOffsets },
    context,
  ) => {
    requiredString("service_id", serviceId);
    if (data.length > checkpointBytesMax) {
      const rule = `must have at most ${checkpointBytesMax} bytes`;
      throw invalidArgument("data", rule, data);
    }
    const requestId = requestIdOf(context);
    const { checkpoint } = await this.#replicated.change(
      `save a checkpoint of service "${serviceId}"`,
      {
        saveCheckpoint: {
          serviceId,
          checkpointId: checkpointId || nameFrom(requestId),
          data,
          sourceOffsets,
        },
      },
      context.signal,
      requestId,
    );
    const { createdAtMs = 0, checkpointId: kept } = checkpoint ?? {};
    return {
      success: true,
      checkpointId: kept,
      createdAt: timestampOf(createdAtMs),
    };
  };

  getCheckpoint: CheckpointHandlers["getCheckpoint"] = async (
    { serviceId },
    { signal },
  ) => {
    requiredString("service_id", serviceId);
    const { checkpoints } = await this.#replicated.upToDate(signal);
    const checkpoint = checkpoints.get(serviceId);
    if (checkpoint === undefined) return { found: false };
    const { checkpointId, data, sourceOffsets, createdAtMs } = checkpoint;
    const createdAt = timestampOf(createdAtMs);
    return { found: true, checkpointId, data, sourceOffsets, createdAt };
  };

  getGroupOffsets: CheckpointHandlers["getGroupOffsets"] = async (
    { groupId, sourceId },
    { signal },
  ) => {
    requiredString("group_id", groupId);
    const { groupOffsets } = await this.#replicated.upToDate(signal);
    const found = sourceId === undefined
      ? groupOffsets.list(groupId)
      : new Map([[sourceId, groupOffsets.listOf(groupId, sourceId)]]);
    return { sourceOffsets: bySource(found) };
  };

  commitGroupOffset: CheckpointHandlers["commitGroupOffset"] = async (
    { groupId, sourceId, partition, offset, serviceId, generation },
    context,
  ) => {
    requiredString("group_id", groupId);
    requiredString("source_id", sourceId);
    const requestId = requestIdOf(context);
    try {
      const { offsets } = await this.#replicated.change(
        `commit an offset of group "${groupId}"`,
        {
          commitGroupOffsets: {
            groupId,
            memberId: serviceId,
            generation: Number(generation),
            sources: [{ sourceId, partitions: [partition], offsets: [offset] }],
          },
        },
        context.signal,
        requestId,
      );
      return { success: offsets?.lower.length === 0 };
    } catch (error) {
      // The member worked under another generation, or is none any more.
      const fenced = error instanceof ConveyorError &&
        error.code === Code.FailedPrecondition;
      if (!fenced) throw error;
      return { success: false };
    }
  };

  getPipelineCheckpoints: CheckpointHandlers["getPipelineCheckpoints"] = async (
    { pipelineId },
    { signal },
  ) => {
    requiredString("pipeline_id", pipelineId);
    const state = await this.#replicated.upToDate(signal);
    const pipeline = state.pipelines.get(pipelineId);
    if (pipeline === undefined) {
      throw new ConveyorError(
        Code.NotFound,
        `Cannot tell the checkpoints of pipeline "${pipelineId}": there is no such pipeline`,
      );
    }
    const sourceIds = state.sourceIdsOf(pipeline);
    const offsets = sourceIds.map((id) =>
      [id, state.offsets.list(id)] as const
    );
    return {
      serviceCheckpoints: state.checkpointsOf(pipeline).map(
        ({ serviceId, checkpointId, data, createdAtMs }) => ({
          serviceId,
          checkpointId,
          data,
          createdAt: timestampOf(createdAtMs),
        }),
      ),
      sourceOffsets: bySource(offsets),
      watermarks: sourceIds.flatMap((id) => state.watermarks.list(id)),
    };
  };
}

/** Committed offsets by source; a source without any is left out. */
function bySource(
  sources: Iterable<readonly [string, readonly PartitionOffset[]]>,
): Record<string, MessageInit<PartitionOffsets>> {
  const found: Record<string, MessageInit<PartitionOffsets>> = {};
  for (const [sourceId, rows] of sources) {
    if (rows.length === 0) continue;
    const offsets: Record<number, bigint> = {};
    for (const { partition, offset } of rows) offsets[partition] = offset;
    found[sourceId] = { offsets };
  }
  return found;
}
