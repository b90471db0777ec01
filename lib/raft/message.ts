/**
 * Messages as values: how one is made, which may not leave before the disk has answered, and which
 * contradict themselves and must not reach the state.
 */
import type { Entry, Message, MessageType } from "./types.ts";

/** A message that is still being written. */
export type Draft = { -readonly [Key in keyof Message]: Message[Key] };

export const noEntries: readonly Entry[] = [];
export const noBytes: Uint8Array = new Uint8Array(0);
/** Context of the votes of a leadership transfer: it overrides the lease of the old leader. */
export const transferContext: Uint8Array = new Uint8Array(
  "CampaignTransfer".split("").map((char) => char.charCodeAt(0)),
);

/** A message with every field in place: one shape for all keeps the hot paths fast. */
export function draft(
  type: MessageType,
  from: number,
  to: number,
  term: number,
): Draft {
  return {
    type,
    from,
    to,
    term,
    logTerm: 0,
    index: 0,
    entries: noEntries,
    commit: 0,
    vote: 0,
    reject: false,
    rejectHint: 0,
    snapshot: undefined,
    context: noBytes,
  };
}

/**
 * Whether the message promises something that a crash must not take back: votes (asked and given),
 * pre-vote answers and acks wait until the job of their Ready, and all before it, are durable. A
 * leader's appends and heartbeats promise nothing about its own disk and may go at once.
 */
export function waitsForPersist(message: Message): boolean {
  return message.type === "MsgVote" || answersFromDisk(message.type);
}

/** Whether messages of this type queue behind the persist job, after all others. */
export function answersFromDisk(type: MessageType): boolean {
  return type === "MsgAppResp" || type === "MsgVoteResp" ||
    type === "MsgPreVoteResp";
}

/** Whether the message answers one of ours, and so may only come from a member. */
export function isResponse(type: MessageType): boolean {
  return answersFromDisk(type) || type === "MsgHeartbeatResp" ||
    type === "MsgReadIndexResp";
}

/** Whether followers pass messages of this type on to the leader, for whoever `from` names. */
export function isForwarded(type: MessageType): boolean {
  return type === "MsgProp" || type === "MsgReadIndex" ||
    type === "MsgTransferLeader";
}

/** Whether the votes asked for belong to a leadership transfer. */
export function isTransfer(message: Message): boolean {
  const { context } = message;
  return context.length === transferContext.length &&
    context.every((byte, at) => byte === transferContext[at]);
}

/** Whether no field contradicts another; what a peer sends is checked before it is believed. */
export function isWellFormed(message: Message): boolean {
  const { type, from, term } = message;
  if (!isCount(from) || !isCount(term) || !hasCounts(message)) return false;
  const timeless = type === "MsgProp" || type === "MsgReadIndex";
  if (from === 0 || timeless !== (term === 0)) return false;
  if (type === "MsgApp") return continues(message);
  if (type === "MsgProp") return message.entries.length > 0;
  if (type === "MsgSnap") {
    const { snapshot } = message;
    return snapshot !== undefined && isCount(snapshot.index) &&
      snapshot.index > 0 && isCount(snapshot.term) && snapshot.term <= term;
  }
  return true;
}

function hasCounts(message: Message): boolean {
  const { index, logTerm, commit, rejectHint } = message;
  return isCount(index) && isCount(logTerm) && isCount(commit) &&
    isCount(rejectHint);
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

/** Entries follow `index` without a gap, their terms never fall and never pass the sender's. */
function continues(message: Message): boolean {
  let { index, logTerm: term } = message;
  for (const entry of message.entries) {
    if (entry.index !== ++index || entry.term < term) return false;
    term = entry.term;
  }
  return term <= message.term;
}
