/**
 * What a candidate and a pre-candidate do with a message of their term: they count answers to their
 * own question, and give up as soon as somebody leads.
 */
import type { Core } from "./core.ts";
import type { Message, Refusal } from "./types.ts";
import { campaign, countVote } from "./election.ts";
import { followLeader } from "./follower.ts";
import { lead } from "./leader.ts";

/** Steps a message as candidate or pre-candidate. */
export function stepCandidate(
  core: Core,
  message: Message,
): Refusal | undefined {
  const pre = core.role === "preCandidate";
  switch (message.type) {
    case "MsgApp":
    case "MsgHeartbeat":
    case "MsgSnap":
      core.becomeFollower(message.term, message.from);
      followLeader(core, message);
      return undefined;
    case "MsgProp":
    case "MsgReadIndex":
    case "MsgTransferLeader":
      return "noLeader";
    case "MsgPreVoteResp":
      if (pre) takeAnswer(core, message);
      return undefined;
    case "MsgVoteResp":
      if (!pre) takeAnswer(core, message);
      return undefined;
    default:
      return undefined;
  }
}

function takeAnswer(core: Core, answer: Message): void {
  const result = countVote(core, answer);
  if (result === "lost") core.becomeFollower(core.term, 0);
  if (result !== "won") return;
  if (core.role === "preCandidate") campaign(core, "election");
  else lead(core);
}
