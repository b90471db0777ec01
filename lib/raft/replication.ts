/**
 * What the leader sends to its followers and when: appends as far as each one's window allows, a
 * snapshot to those whose next entries are compacted, heartbeats. The commit index moves here, by
 * an entry of the leader's own term that a quorum has on disk.
 */
import type { Core } from "./core.ts";
import { payloadBytes } from "./entry_size.ts";
import { noEntries } from "./message.ts";
import type { Progress } from "./progress.ts";

/** Sends the next append to all, ascending by id. */
export function broadcastAppend(core: Core): void {
  for (const id of core.tracker.ids) {
    if (id !== core.id) maybeSendAppend(core, id, true);
  }
}

/**
 * Sends what comes next to `to`, unless it is paused; false when nothing went. An empty append
 * tells a new commit index, and is a sign of life to a follower whose window is full.
 */
export function maybeSendAppend(
  core: Core,
  to: number,
  sendEmpty: boolean,
): boolean {
  const progress = core.tracker.get(to)!;
  if (progress.paused) return false;
  const { log, config } = core;
  const previous = progress.next - 1;
  const previousTerm = log.term(previous);
  const blocked = progress.state === "replicate" && progress.inflights.full;
  const entries = blocked
    ? noEntries
    : log.entriesFrom(progress.next, config.maxBytesPerMessage);
  if (previousTerm === undefined || entries === undefined) {
    return maybeSendSnapshot(core, to, progress);
  }
  if (entries.length === 0 && !sendEmpty) return false;
  const message = core.emit("MsgApp", to);
  message.index = previous;
  message.logTerm = previousTerm;
  message.entries = entries;
  message.commit = log.committed;
  progress.sentEntries(entries.length, payloadBytes(entries));
  progress.sentCommit(log.committed);
  return true;
}

/** Sends a heartbeat to all, with the newest read that waits for a confirmation. */
export function broadcastHeartbeat(core: Core): void {
  const stamp = core.reads.stamp();
  for (const id of core.tracker.ids) {
    if (id === core.id) continue;
    const progress = core.tracker.get(id)!;
    const message = core.emit("MsgHeartbeat", id);
    // Not past what the follower is known to hold: its log may differ after that.
    message.commit = Math.min(progress.match, core.log.committed);
    message.context = stamp;
    progress.sentCommit(message.commit);
  }
}

/** Moves the commit index to what a quorum has; false when it stays. */
export function maybeCommit(core: Core): boolean {
  return core.log.maybeCommit(core.tracker.committed(), core.term);
}

/** Whether the leader has committed in its own term, and so knows the commit index. */
export function committedInTerm(core: Core): boolean {
  return core.log.term(core.log.committed) === core.term;
}

function maybeSendSnapshot(
  core: Core,
  to: number,
  progress: Progress,
): boolean {
  // A snapshot is costly: only to who is there to take it.
  if (!progress.recentActive) return false;
  const snapshot = core.log.snapshot();
  if (snapshot === undefined) return false;
  progress.becomeSnapshot(snapshot.index);
  core.emit("MsgSnap", to).snapshot = snapshot;
  return true;
}
