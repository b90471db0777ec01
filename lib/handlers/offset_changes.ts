/** Many callers' offsets and watermarks as one command each, and what its answer says to each of them. */
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import type { Watermark } from "../../proto/messages/common.ts";

/** An offset to commit. */
export interface OffsetCommit {
  readonly sourceId: string;
  readonly partition: number;
  readonly offset: bigint;
}

/**
 * What became of an offset: it is the committed one, a higher one is, or the node that pulled up to it
 * does not own the partition any more.
 */
export type OffsetOutcome = "committed" | "lower" | "fenced";

/** What of the offsets a node pulled itself. */
export interface PulledBy {
  readonly nodeId: number;
  /** The generation under which it pulls a source; 0: the source's records are pushed. */
  readonly generationOf: (sourceId: string) => number;
}

/** Commits offsets of sources; what became of each. */
export async function commitOffsets(
  replicated: ReplicatedState,
  commits: readonly OffsetCommit[],
  { nodeId, generationOf }: PulledBy = pushed,
): Promise<readonly OffsetOutcome[]> {
  const places = Map.groupBy(commits.keys(), (at) => commits[at]!.sourceId);
  const sources = Array.from(places, ([sourceId, own]) => ({
    sourceId,
    partitions: own.map((at) => commits[at]!.partition),
    offsets: own.map((at) => commits[at]!.offset),
    pullGeneration: generationOf(sourceId),
  }));
  const { offsets } = await replicated.change("commit offsets", {
    commitOffsets: { sources, nodeId },
  });
  // The answer counts positions over all sources, in the order of the command.
  const inOrder = [...places.values()].flat();
  const outcomes = commits.map((): OffsetOutcome => "committed");
  for (const position of offsets?.lower ?? []) {
    outcomes[inOrder[position]!] = "lower";
  }
  for (const position of offsets?.fenced ?? []) {
    outcomes[inOrder[position]!] = "fenced";
  }
  return outcomes;
}

const pushed: PulledBy = { nodeId: 0, generationOf: () => 0 };

/** Raises watermarks; whether each is the known one now: false where a higher one was. */
export async function raiseWatermarks(
  replicated: ReplicatedState,
  watermarks: readonly Watermark[],
): Promise<readonly boolean[]> {
  const answer = await replicated.change("raise watermarks", {
    raiseWatermarks: { watermarks },
  });
  const lower = new Set(answer.watermarks?.lower);
  return watermarks.map((_, position) => !lower.has(position));
}
