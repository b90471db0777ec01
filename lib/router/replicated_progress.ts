/** How far sources have come, as the nodes of a cluster know it together. */
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import { raiseWatermarks } from "../handlers/offset_changes.ts";
import type { PullProgress } from "../pull/pull_progress.ts";

/** The highest sequence number there is: nothing follows it. */
const sequenceMax = 2n ** 64n - 1n;

/** The progress that the state of a node tells. */
export function replicatedProgress(replicated: ReplicatedState): PullProgress {
  return {
    positions: async (sourceId, signal) => {
      const { offsets } = await replicated.upToDate(signal);
      return new Map(
        offsets.list(sourceId).map(({ partition, offset }) => [
          partition,
          offset < sequenceMax ? offset + 1n : sequenceMax,
        ]),
      );
    },
    watermark: (sourceId, partition) =>
      replicated.state.watermarks.get(sourceId, partition),
    raise: async (watermarks) => {
      await raiseWatermarks(replicated, watermarks);
    },
  };
}
