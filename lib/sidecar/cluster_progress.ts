/** How far the sources of a pod have come that its sidecar pulls from: the cluster knows, and is told. */
import type { CheckpointClient } from "../../clients/checkpoint_client.ts";
import type { Watermark } from "../../proto/messages/common.ts";
import type { PullProgress } from "../pull/pull_progress.ts";
import type { SidecarOffsets } from "./sidecar_offsets.ts";

/** The progress of the sources of one pod. */
export class ClusterProgress implements PullProgress {
  readonly #offsets: Pick<SidecarOffsets, "positions">;
  readonly #checkpoints: Pick<CheckpointClient, "reportWatermark">;
  /** Those that the cluster was told last, by source and partition. */
  readonly #told: Map<string, Watermark> = new Map();

  constructor(
    offsets: Pick<SidecarOffsets, "positions">,
    checkpoints: Pick<CheckpointClient, "reportWatermark">,
  ) {
    this.#offsets = offsets;
    this.#checkpoints = checkpoints;
  }

  positions(
    sourceId: string,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, bigint>> {
    return this.#offsets.positions(sourceId, signal);
  }

  watermark(sourceId: string, partition: number): Watermark | undefined {
    return this.#told.get(`${partition} ${sourceId}`);
  }

  async raise(watermarks: readonly Watermark[]): Promise<void> {
    for (const watermark of watermarks) {
      await this.#checkpoints.reportWatermark(watermark);
      const { partition, sourceId } = watermark;
      this.#told.set(`${partition} ${sourceId}`, watermark);
    }
  }
}
