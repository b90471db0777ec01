/**
 * The way of every message: first the rules of terms, equal for all roles, then the role's own. A
 * message of a later term makes a follower of anyone; one of an earlier term changes nothing, at
 * most its sender is told of the later one.
 */
import type { Core } from "./core.ts";
import type { Message, Refusal } from "./types.ts";
import { stepCandidate } from "./candidate.ts";
import { answerVoteRequest, run } from "./election.ts";
import { stepFollower } from "./follower.ts";
import { stepLeader } from "./leader.ts";
import { isTransfer } from "./message.ts";
import { maybeAutoLeave } from "./proposal.ts";
import { broadcastHeartbeat } from "./replication.ts";

/** Steps one message. */
export function step(core: Core, message: Message): Refusal | undefined {
  const { type, term } = message;
  if (term > core.term) {
    if (heedsLease(core, message)) return undefined;
    takeTerm(core, message);
  } else if (term < core.term && term !== 0) {
    refuseOldTerm(core, message);
    return undefined;
  }
  if (type === "MsgVote" || type === "MsgPreVote") {
    answerVoteRequest(core, message);
    return undefined;
  }
  switch (core.role) {
    case "follower":
      return stepFollower(core, message);
    case "leader":
      return stepLeader(core, message);
    default:
      return stepCandidate(core, message);
  }
}

/** Lets time pass by one tick. */
export function tick(core: Core): void {
  if (core.role === "leader") tickLeader(core);
  else tickElection(core);
}

function tickElection(core: Core): void {
  core.electionElapsed++;
  if (core.electionElapsed < core.electionTimeout) return;
  if (!core.promotable()) return;
  core.electionElapsed = 0;
  run(core, core.config.preVote ? "preElection" : "election");
}

function tickLeader(core: Core): void {
  const { config } = core;
  core.heartbeatElapsed++;
  core.electionElapsed++;
  if (core.electionElapsed >= config.electionTicks) {
    core.electionElapsed = 0;
    if (config.checkQuorum && !core.tracker.checkQuorumActive(core.id)) {
      core.becomeFollower(core.term, 0);
      return;
    }
    // The one that should take over did not: proposals must not wait for it for ever.
    if (core.leadTransferee !== 0) {
      core.abortTransfer();
      maybeAutoLeave(core);
    }
  }
  if (core.heartbeatElapsed < config.heartbeatTicks) return;
  core.heartbeatElapsed = 0;
  broadcastHeartbeat(core);
}

/** Whether a vote request is ignored, term and all, because a live leader was heard from. */
function heedsLease(core: Core, message: Message): boolean {
  const { type } = message;
  if (type !== "MsgVote" && type !== "MsgPreVote") return false;
  return core.config.checkQuorum && core.lead !== 0 &&
    core.electionElapsed < core.config.electionTicks && !isTransfer(message);
}

function takeTerm(core: Core, { type, term, from, reject }: Message): void {
  // Pre-votes speak of a term that may never come; only a refusal carries a real one.
  if (type === "MsgPreVote" || (type === "MsgPreVoteResp" && !reject)) return;
  const leads = type === "MsgApp" || type === "MsgHeartbeat" ||
    type === "MsgSnap";
  core.becomeFollower(term, leads ? from : 0);
}

function refuseOldTerm(core: Core, { type, from }: Message): void {
  const { checkQuorum, preVote } = core.config;
  if (type === "MsgPreVote") {
    core.emit("MsgPreVoteResp", from).reject = true;
  } else if (
    (checkQuorum || preVote) && (type === "MsgApp" || type === "MsgHeartbeat")
  ) {
    // Its votes are ignored, so a node that ran in vain could never rejoin: the answer's term makes
    // the old leader step down.
    core.emit("MsgAppResp", from);
  }
}
