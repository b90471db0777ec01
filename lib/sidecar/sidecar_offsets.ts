/**
 * The committed offsets, as a sidecar knows them: asked for when a source opens its stream, and committed
 * with the cluster. Without the cluster records flow on: some may then be processed twice, none is lost.
 */
import type { CheckpointClient } from "../../clients/checkpoint_client.ts";
import type { OffsetPort, PartitionOffset } from "../delivery/ports.ts";
import { messageOf } from "../errors.ts";
import {
  offsetLookupTimeoutMs,
  sidecarCommitsAtOnce,
  sidecarSourcesKeptMax,
} from "../limits.ts";
import { log } from "../log.ts";

/** What offsets are committed with. */
export type OffsetsClient = Pick<
  CheckpointClient,
  "commitOffset" | "resumePositions"
>;

/** The offsets of one sidecar. */
export class SidecarOffsets implements OffsetPort {
  readonly #checkpoints: OffsetsClient;
  readonly #raised: (offset: PartitionOffset) => void;
  /** By source, what was committed when it was asked for last; the source asked for last comes last. */
  readonly #bySource: Map<string, ReadonlyMap<number, bigint>> = new Map();

  /** `raised` is told of what others may have committed. */
  constructor(
    checkpoints: OffsetsClient,
    raised: (offset: PartitionOffset) => void,
  ) {
    this.#checkpoints = checkpoints;
    this.#raised = raised;
  }

  /** Where a source goes on, by partition. */
  async positions(
    sourceId: string,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, bigint>> {
    const positions = await this.#checkpoints.resumePositions(sourceId, {
      signal,
      timeoutMs: offsetLookupTimeoutMs,
    });
    const committed = new Map<number, bigint>();
    for (const [partition, next] of positions) {
      committed.set(partition, next - 1n);
      this.#raised({ sourceId, partition, offset: next - 1n });
    }
    this.#bySource.delete(sourceId);
    this.#bySource.set(sourceId, committed);
    const [oldest] = this.#bySource.keys();
    if (this.#bySource.size > sidecarSourcesKeptMax && oldest !== undefined) {
      this.#bySource.delete(oldest);
    }
    return positions;
  }

  /** Finds out where a source stands that opens its stream. */
  async expect(sourceId: string, signal: AbortSignal): Promise<void> {
    try {
      await this.positions(sourceId, signal);
    } catch (error) {
      if (signal.aborted) throw error;
      log.warn("A source starts without its committed offsets", {
        source: sourceId,
        reason: messageOf(error),
      });
    }
  }

  committed(sourceId: string, partition: number): bigint | undefined {
    return this.#bySource.get(sourceId)?.get(partition);
  }

  async commit(offsets: readonly PartitionOffset[]): Promise<void> {
    for (let at = 0; at < offsets.length; at += sidecarCommitsAtOnce) {
      await Promise.all(
        offsets.slice(at, at + sidecarCommitsAtOnce).map((each) =>
          this.#checkpoints.commitOffset(
            each.sourceId,
            each.partition,
            each.offset,
          )
        ),
      );
    }
  }
}
