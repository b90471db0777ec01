/**
 * Jobs that wait for the disk become one: since each replaces what the ones before it said, the disk
 * needs to see only what is left after the last. A snapshot starts a new job, and so does having
 * enough for one commit.
 */
import { invariant } from "../invariant.ts";
import { kvCommitBytesMax } from "../limits.ts";
import { entriesBytes } from "../raft/entry_size.ts";
import type { Entry, HardState } from "../raft/types.ts";
import type { PersistJob } from "./store.ts";

/** How many of the jobs, from the first on, go to the disk together. */
export function mergeable(jobs: readonly PersistJob[]): number {
  let bytes = 0;
  for (let at = 0; at < jobs.length; at++) {
    const { entries, snapshot } = jobs[at]!;
    bytes += entriesBytes(entries);
    if (at > 0 && (snapshot || bytes > kvCommitBytesMax)) return at;
  }
  return jobs.length;
}

/** One job that leaves what the jobs, one after another, would. */
export function merge(jobs: readonly PersistJob[]): PersistJob {
  const [first] = jobs;
  invariant(first, "there is no job to merge");
  if (jobs.length === 1) return first;
  let hardState: HardState | undefined;
  const entries: Entry[] = [];
  for (const job of jobs) {
    hardState = job.hardState ?? hardState;
    replaceFrom(entries, job.entries);
  }
  return { hardState, entries, snapshot: first.snapshot };
}

function replaceFrom(entries: Entry[], next: readonly Entry[]): void {
  const from = next[0]?.index;
  if (from === undefined) return;
  const kept = entries.length === 0 ? 0 : from - entries[0]!.index;
  invariant(kept <= entries.length, "entries are stored after a gap");
  entries.length = Math.max(0, kept);
  for (const entry of next) entries.push(entry);
}
