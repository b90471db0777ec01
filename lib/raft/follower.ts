/**
 * What a follower does with a message of its term: it takes the leader's entries, commit index and
 * snapshot, and passes on to the leader what only the leader can answer.
 */
import { Code, ConveyorError } from "../errors.ts";
import { invariant } from "../invariant.ts";
import type { Core } from "./core.ts";
import type { Message, Refusal, Snapshot } from "./types.ts";
import { run } from "./election.ts";
import { normalMembership } from "./membership.ts";

/** Steps a message as follower. */
export function stepFollower(
  core: Core,
  message: Message,
): Refusal | undefined {
  switch (message.type) {
    case "MsgApp":
    case "MsgHeartbeat":
    case "MsgSnap":
      core.electionElapsed = 0;
      followLeader(core, message);
      return undefined;
    case "MsgProp":
    case "MsgReadIndex":
    case "MsgTransferLeader":
      return forward(core, message);
    case "MsgReadIndexResp":
      core.readStates.push({
        index: message.index,
        context: message.context.slice(),
      });
      return undefined;
    case "MsgTimeoutNow":
      // The leader asked for it: no pre-vote, and the votes override its lease.
      return run(core, "transfer");
    default:
      return undefined;
  }
}

/** Does what the leader of the term says. */
export function followLeader(core: Core, message: Message): void {
  invariant(
    core.lead === 0 || core.lead === message.from,
    "two leaders in one term",
  );
  core.lead = message.from;
  if (message.type === "MsgApp") takeEntries(core, message);
  else if (message.type === "MsgSnap") takeSnapshot(core, message);
  else takeHeartbeat(core, message);
}

function takeHeartbeat(core: Core, message: Message): void {
  const { from, commit, context } = message;
  const last = core.log.lastIndex();
  // A leader names no commit that this node has not acknowledged to it: they were on its disk.
  if (commit > last) {
    throw new ConveyorError(
      Code.DataLoss,
      `Cannot follow node ${from}: this node has acknowledged ${commit} and its log ends at ${last}; wipe its data directory and let it join under a new id`,
    );
  }
  core.log.commitTo(commit);
  const answer = core.emit("MsgHeartbeatResp", from);
  answer.context = context.slice();
}

function takeEntries(core: Core, message: Message): void {
  const { log } = core;
  const answer = core.emit("MsgAppResp", message.from);
  if (message.index < log.committed) {
    answer.index = log.committed;
    return;
  }
  const previous = { index: message.index, term: message.logTerm };
  const last = log.maybeAppend(previous, message.entries, message.commit);
  if (last !== undefined) {
    answer.index = last;
    return;
  }
  // The hint skips, on this side, all that the leader cannot have: entries of later terms.
  const hint = log.findConflict(
    Math.min(message.index, log.lastIndex()),
    message.logTerm,
  );
  answer.index = message.index;
  answer.reject = true;
  answer.rejectHint = hint.index;
  answer.logTerm = hint.term;
}

function takeSnapshot(core: Core, message: Message): void {
  const { log } = core;
  const restored = restore(core, message.snapshot!);
  core.emit("MsgAppResp", message.from).index = restored
    ? log.lastIndex()
    : log.committed;
}

/**
 * Starts again from `snapshot`; false when it is old or already in the log. It may be from before
 * this node was a member: the log behind it brings the change that makes it one.
 */
function restore(core: Core, snapshot: Snapshot): boolean {
  const { log, tracker } = core;
  const { index, term, data } = snapshot;
  if (index <= log.committed) return false;
  const confState = normalMembership(snapshot.confState);
  if (log.matches(index, term)) {
    log.commitTo(index);
    return false;
  }
  log.restore({ index, term, confState, data: data.slice() });
  tracker.change(confState, index);
  tracker.reset(core.id, index);
  return true;
}

function forward(core: Core, message: Message): Refusal | undefined {
  if (core.lead === 0) return "noLeader";
  const { type, from } = message;
  const timeless = type !== "MsgTransferLeader";
  const copy = core.emit(type, core.lead, timeless ? 0 : core.term);
  copy.from = from;
  copy.entries = core.log.copier.copy(message.entries);
  copy.context = message.context.slice();
  return undefined;
}
