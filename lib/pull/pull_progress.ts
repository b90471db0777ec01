/** What a pull knows of how far a source has come, and whom it tells. */
import type { Watermark } from "../../proto/messages/common.ts";

/** How far sources have come. */
export interface PullProgress {
  /**
   * Where to go on in each partition of a source, as no commit that was answered is missed; a partition
   * without a commit is not in it.
   */
  positions(
    sourceId: string,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<number, bigint>>;
  /** The watermark of a partition that is known. */
  watermark(
    sourceId: string,
    partition: number,
  ): Pick<Watermark, "timestamp" | "position"> | undefined;
  /** Watermarks have risen. */
  raise(watermarks: readonly Watermark[]): Promise<void>;
}
