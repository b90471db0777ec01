/** Tells a router how far sources, groups and services are, and asks it where to go on. */
import { requiredString } from "../lib/options.ts";
import type { MessageInit } from "../proto/codec.ts";
import type {
  CheckpointServiceMethods,
  CommitGroupOffsetRequest,
  GetCheckpointResponse,
  GetPipelineCheckpointsResponse,
  GetWatermarkResponse,
  SaveCheckpointRequest,
  SaveCheckpointResponse,
  WatermarkResponse,
} from "../proto/messages/checkpoint.ts";
import type { Watermark } from "../proto/messages/common.ts";
import { type Service, serviceOf } from "../proto/service.ts";
import type { ConnectOptions } from "./channel_options.ts";
import { RouterChannel } from "./router_channel.ts";
import type { CallOptions, Transport } from "./transport.ts";

const { methods }: Service<CheckpointServiceMethods> = serviceOf(
  "conveyor.checkpoint.CheckpointService",
);

/** Positions in one source, by partition. */
export type Positions = ReadonlyMap<number, bigint>;

/**
 * A client of a router's checkpoints: offsets of sources and groups, watermarks, and what services
 * save to resume from. What it reads shows everything that any router had answered before. A call that
 * meets a router which is gone is repeated on another, and carried out once.
 *
 * Every method rejects with a `ConveyorError`: `InvalidArgument` that names the field, `NotFound` for a
 * pipeline or a group that there is not, and `Unavailable` when no router can be reached or no majority of them.
 *
 * @example Save where a service is, and resume from there
 * ```ts
 * import { CheckpointClient } from "@conveyor/grpc";
 *
 * async function resume(routers: readonly string[]): Promise<Uint8Array> {
 *   await using checkpoints = await CheckpointClient.connect(routers);
 *   const saved = await checkpoints.checkpoint("enrich-1");
 *   if (saved !== undefined) return saved.data;
 *   const data = new TextEncoder().encode("at the beginning");
 *   await checkpoints.saveCheckpoint({ serviceId: "enrich-1", data });
 *   return data;
 * }
 * ```
 */
export class CheckpointClient implements AsyncDisposable {
  readonly #transport: Transport;

  /** A client over a connection that exists already; `connect` makes one. */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Connects to a router, or to the first of several that answers. */
  static async connect(
    routers: string | readonly string[],
    options?: ConnectOptions,
  ): Promise<CheckpointClient> {
    return new CheckpointClient(await RouterChannel.connect(routers, options));
  }

  /**
   * Commits that every record of a partition is settled up to `offset`, itself included; whether it is
   * the committed one now: false where a higher one was.
   */
  async commitOffset(
    sourceId: string,
    partition: number,
    offset: bigint,
    options?: CallOptions,
  ): Promise<boolean> {
    const { message } = await this.#transport.unary(methods.commitOffset, {
      sourceId: requiredString("sourceId", sourceId),
      partition,
      offset,
    }, options);
    return message.success;
  }

  /** Where a source goes on, by partition: after the committed offset. */
  async resumePositions(
    sourceId: string,
    options?: CallOptions,
  ): Promise<Positions> {
    const { message } = await this.#transport.unary(
      methods.getSourceOffset,
      { sourceId: requiredString("sourceId", sourceId) },
      options,
    );
    return positionsOf(message);
  }

  /** Reports how far event time has come in a partition. */
  async reportWatermark(
    watermark: MessageInit<Watermark>,
    options?: CallOptions,
  ): Promise<WatermarkResponse> {
    const { message } = await this.#transport.unary(
      methods.reportWatermark,
      { watermark },
      options,
    );
    return message;
  }

  /** The watermarks of a source, or of all, and the lowest of those that still report. */
  async watermarks(
    sourceId = "",
    options?: CallOptions,
  ): Promise<GetWatermarkResponse> {
    const { message } = await this.#transport.unary(
      methods.getWatermark,
      { sourceId },
      options,
    );
    return message;
  }

  /** Keeps a service's checkpoint, of at most 1 MiB, in place of the one before. */
  async saveCheckpoint(
    request: MessageInit<SaveCheckpointRequest>,
    options?: CallOptions,
  ): Promise<SaveCheckpointResponse> {
    requiredString("serviceId", request.serviceId);
    const { message } = await this.#transport.unary(
      methods.saveCheckpoint,
      request,
      options,
    );
    return message;
  }

  /** A service's latest checkpoint; undefined when it has saved none. */
  async checkpoint(
    serviceId: string,
    options?: CallOptions,
  ): Promise<GetCheckpointResponse | undefined> {
    const { message } = await this.#transport.unary(
      methods.getCheckpoint,
      { serviceId: requiredString("serviceId", serviceId) },
      options,
    );
    return message.found ? message : undefined;
  }

  /**
   * Commits a group's offset; whether it is the committed one now: false where a higher one was, or
   * where the member worked under another generation than the present one or is none of the group.
   * Rejects with `NotFound` when the group of a member has none at all.
   */
  async commitGroupOffset(
    request: MessageInit<CommitGroupOffsetRequest>,
    options?: CallOptions,
  ): Promise<boolean> {
    requiredString("groupId", request.groupId);
    requiredString("sourceId", request.sourceId);
    const { message } = await this.#transport.unary(
      methods.commitGroupOffset,
      request,
      options,
    );
    return message.success;
  }

  /** What a group has committed, by source and partition. */
  async groupOffsets(
    groupId: string,
    options?: CallOptions,
  ): Promise<ReadonlyMap<string, Positions>> {
    const { message } = await this.#transport.unary(
      methods.getGroupOffsets,
      { groupId: requiredString("groupId", groupId) },
      options,
    );
    return new Map(
      Object.entries(message.sourceOffsets).map((
        [sourceId, own],
      ) => [sourceId, positionsOf(own)]),
    );
  }

  /** All progress of a pipeline: its services' checkpoints, its sources' offsets and watermarks. */
  async pipelineCheckpoints(
    pipelineId: string,
    options?: CallOptions,
  ): Promise<GetPipelineCheckpointsResponse> {
    const { message } = await this.#transport.unary(
      methods.getPipelineCheckpoints,
      { pipelineId: requiredString("pipelineId", pipelineId) },
      options,
    );
    return message;
  }

  /** Ends the connection. Idempotent. */
  close(): Promise<void> {
    return this.#transport.close();
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function positionsOf(
  { offsets }: { readonly offsets: { readonly [partition: number]: bigint } },
): Positions {
  return new Map(
    Object.entries(offsets).map((
      [partition, position],
    ) => [Number(partition), position]),
  );
}
