/**
 * What a leader does with a message of its term: it takes proposals, follows the acks of each
 * member, moves the commit index, confirms reads, and hands over when asked.
 */
import { invariant } from "../invariant.ts";
import type { Core } from "./core.ts";
import type { Message, Refusal } from "./types.ts";
import type { Progress } from "./progress.ts";
import type { ConfirmedRead } from "./read_index.ts";
import { noBytes } from "./message.ts";
import { append, takeProposals } from "./proposal.ts";
import {
  broadcastAppend,
  broadcastHeartbeat,
  committedInTerm,
  maybeCommit,
  maybeSendAppend,
} from "./replication.ts";

/** Takes the lead: an empty entry of the new term, and the news to everybody. */
export function lead(core: Core): void {
  core.becomeLeader();
  const opened = append(core, [
    { term: 0, index: 0, type: "normal", data: noBytes },
  ]);
  invariant(opened, "the first entry of a term was refused");
  broadcastAppend(core);
}

/** Steps a message as leader. */
export function stepLeader(core: Core, message: Message): Refusal | undefined {
  const { type, from } = message;
  if (type === "MsgProp") return takeProposals(core, message.entries);
  if (type === "MsgReadIndex") return takeRead(core, message);
  invariant(
    type !== "MsgApp" && type !== "MsgHeartbeat" && type !== "MsgSnap",
    "two leaders in one term",
  );
  const progress = core.tracker.get(from);
  if (progress === undefined) return "unknownPeer";
  if (type === "MsgAppResp") {
    // What nobody has cannot be acknowledged; a commit may not rest on it.
    if (message.index > core.log.lastIndex()) return "malformed";
    progress.recentActive = true;
    if (message.reject) takeRejection(core, message, progress);
    else takeAck(core, message, progress);
  } else if (type === "MsgHeartbeatResp") {
    takeHeartbeatAnswer(core, message, progress);
  } else if (type === "MsgTransferLeader") {
    return transfer(core, from, progress);
  }
  return undefined;
}

/** Answers the reads that a quorum has confirmed, this node included. */
export function releaseReads(core: Core): void {
  const { reads, tracker } = core;
  if (!reads.waiting) return;
  const confirmed = tracker.reachedByQuorum((id) =>
    id === core.id ? Infinity : reads.answeredBy(id)
  );
  for (const read of reads.take(confirmed)) answerRead(core, read);
}

/** Moves the commit index to what a quorum has, and tells everybody; false when it stays. */
export function commit(core: Core): boolean {
  if (!maybeCommit(core)) return false;
  // The first commit of the term: reads that came before it may start.
  if (core.reads.startPostponed(core.log.committed)) confirmReads(core);
  broadcastAppend(core);
  return true;
}

function takeRead(core: Core, message: Message): Refusal | undefined {
  if (core.reads.full) return "tooManyReads";
  if (committedInTerm(core)) {
    core.reads.start(message, core.log.committed);
    confirmReads(core);
  } else {
    core.reads.postpone(message);
  }
  return undefined;
}

function confirmReads(core: Core): void {
  broadcastHeartbeat(core);
  releaseReads(core);
}

function answerRead(core: Core, read: ConfirmedRead): void {
  const { from, context, index } = read;
  if (from === core.id) {
    core.readStates.push({ index, context });
    return;
  }
  const answer = core.emit("MsgReadIndexResp", from);
  answer.index = index;
  answer.context = context;
}

function takeRejection(
  core: Core,
  { from, index, rejectHint, logTerm }: Message,
  progress: Progress,
): void {
  // The hint skips, on this side, all that the follower cannot have: entries of later terms.
  const next = logTerm > 0
    ? core.log.findConflict(rejectHint, logTerm).index
    : rejectHint;
  if (!progress.maybeDecrease(index, next)) return;
  if (progress.state === "replicate") progress.becomeProbe();
  maybeSendAppend(core, from, true);
}

function takeAck(
  core: Core,
  { from, index }: Message,
  progress: Progress,
): void {
  // An ack without news still ends the probing of a member that has everything.
  const probed = progress.state === "probe" && progress.match === index;
  if (!progress.maybeUpdate(index) && !probed) return;
  if (progress.state === "replicate") {
    progress.inflights.freeUpTo(index);
  } else if (
    progress.state === "probe" ||
    // Whichever snapshot it took: the log can carry on from there.
    progress.match + 1 >= core.log.firstIndex()
  ) {
    progress.becomeReplicate();
  }
  const committed = commit(core);
  if (from === core.id) return;
  if (!committed && progress.canBumpCommit(core.log.committed)) {
    maybeSendAppend(core, from, true);
  }
  while (maybeSendAppend(core, from, false)) { /* as far as the window goes */ }
  if (from === core.leadTransferee && progress.match === core.log.lastIndex()) {
    core.emit("MsgTimeoutNow", from);
  }
}

function takeHeartbeatAnswer(
  core: Core,
  { from, context }: Message,
  progress: Progress,
): void {
  progress.recentActive = true;
  // It lives: what is paused may go on, and a full window gets an empty append, so that it opens
  // again even if all that filled it was lost.
  progress.resume();
  if (progress.match < core.log.lastIndex() || progress.state === "probe") {
    maybeSendAppend(core, from, true);
  }
  if (context.length === 0) return;
  core.reads.answer(from, context);
  releaseReads(core);
}

function transfer(
  core: Core,
  to: number,
  progress: Progress,
): Refusal | undefined {
  if (progress.learner) return "unknownPeer";
  if (core.leadTransferee === to) return undefined;
  if (to === core.id) {
    // To itself: it stays, and whoever else was to take over does not.
    core.abortTransfer();
    return undefined;
  }
  // It has one election timeout; after that proposals are taken again.
  core.electionElapsed = 0;
  core.leadTransferee = to;
  if (progress.match === core.log.lastIndex()) {
    core.emit("MsgTimeoutNow", to);
  } else {
    progress.resume();
    maybeSendAppend(core, to, true);
  }
  return undefined;
}
