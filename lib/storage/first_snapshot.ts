/**
 * What the first members of a cluster start from: a snapshot at index 1 and term 1, as if a leader
 * had committed it, so that whoever joins later receives it like any other.
 */
import type { HardState } from "../raft/types.ts";
import { shelve, type SnapshotShelf } from "./snapshot_shelf.ts";
import type { FirstSnapshot, SnapshotManifest } from "./store.ts";

/** The hard state that goes with it. */
export const firstHardState: HardState = { term: 1, vote: 0, commit: 1 };

/** Puts its chunks on the shelf as snapshot `id`. */
export async function shelveFirst(
  shelf: SnapshotShelf,
  id: number,
  { confState, chunks }: FirstSnapshot,
): Promise<SnapshotManifest> {
  const tally = await shelve(shelf, id, chunks);
  return tally.manifest({ index: 1, term: 1, confState });
}
