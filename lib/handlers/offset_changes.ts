/** Many callers' offsets and watermarks as one command each, and what its answer says to each of them. */
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import type { Watermark } from "../../proto/messages/common.ts";

/** An offset to commit. */
export interface OffsetCommit {
  readonly sourceId: string;
  readonly partition: number;
  readonly offset: bigint;
}

/** Commits offsets of sources; whether each is the committed one now: false where a higher one was. */
export async function commitOffsets(
  replicated: ReplicatedState,
  commits: readonly OffsetCommit[],
): Promise<readonly boolean[]> {
  const places = Map.groupBy(commits.keys(), (at) => commits[at]!.sourceId);
  const sources = Array.from(places, ([sourceId, own]) => ({
    sourceId,
    partitions: own.map((at) => commits[at]!.partition),
    offsets: own.map((at) => commits[at]!.offset),
  }));
  const { offsets } = await replicated.change("commit offsets", {
    commitOffsets: { sources },
  });
  // The answer counts positions over all sources, in the order of the command.
  const inOrder = [...places.values()].flat();
  const stands = commits.map(() => true);
  for (const position of offsets?.lower ?? []) {
    stands[inOrder[position]!] = false;
  }
  return stands;
}

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
