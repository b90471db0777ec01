/**
 * Elections: who may run, whom a node votes for, and what a candidate does with the answers. A vote
 * counts from the moment it is durable, the candidate's own included: it answers itself behind the
 * persist job like everybody else.
 */
import type { Core } from "./core.ts";
import type { Message, Refusal } from "./types.ts";
import { decodeConfChange } from "./conf_change.ts";
import { ascending } from "./membership.ts";
import { transferContext } from "./message.ts";
import type { VoteResult } from "./quorum.ts";

export type Campaign = "preElection" | "election" | "transfer";

/** Bytes of log read at once in the search for membership changes. */
const scanBytes = 1 << 20;

/** Starts an election if this node may run now. */
export function run(core: Core, kind: Campaign): Refusal | undefined {
  if (core.role === "leader" || !core.promotable()) return "cannotCampaign";
  // A committed change may have removed this node, or changed who must be asked.
  if (hasUnappliedConfChange(core)) return "cannotCampaign";
  campaign(core, kind);
  return undefined;
}

/** Asks all voters of both halves, ascending by id. */
export function campaign(core: Core, kind: Campaign): void {
  const asking = kind === "preElection";
  if (asking) core.becomePreCandidate();
  else core.becomeCandidate();
  const term = asking ? core.term + 1 : core.term;
  const { voters, votersOutgoing } = core.tracker.membership;
  const last = core.log.last();
  for (const id of ascending([...voters, ...votersOutgoing])) {
    if (id === core.id) {
      core.emit(asking ? "MsgPreVoteResp" : "MsgVoteResp", id, term);
      continue;
    }
    const request = core.emit(asking ? "MsgPreVote" : "MsgVote", id, term);
    request.index = last.index;
    request.logTerm = last.term;
    if (kind === "transfer") request.context = transferContext;
  }
}

/** Counts an answer. */
export function countVote(core: Core, answer: Message): VoteResult {
  core.tracker.recordVote(answer.from, !answer.reject);
  return core.tracker.voteResult();
}

/** Answers a request for a vote, at the end of the term rules. */
export function answerVoteRequest(core: Core, request: Message): void {
  const pre = request.type === "MsgPreVote";
  const type = pre ? "MsgPreVoteResp" : "MsgVoteResp";
  const free = core.vote === request.from ||
    (core.vote === 0 && core.lead === 0) ||
    (pre && request.term > core.term);
  const candidate = { index: request.index, term: request.logTerm };
  if (!free || !core.log.isUpToDate(candidate)) {
    core.emit(type, request.from).reject = true;
    return;
  }
  // The answer carries the term that was asked for: of a pre-vote it is still to come.
  core.emit(type, request.from, request.term);
  if (pre) return;
  core.electionElapsed = 0;
  core.voteFor(request.from);
}

function hasUnappliedConfChange(core: Core): boolean {
  const { log } = core;
  let index = log.applied + 1;
  while (index <= log.committed) {
    const page = log.slice(index, log.committed + 1, scanBytes);
    if (page.some((entry) => decodeConfChange(entry) !== undefined)) {
      return true;
    }
    index += page.length;
  }
  return false;
}
