/**
 * What enters the leader's log: proposals within the byte budget, and at most one membership change
 * at a time. A change is tried against the membership before it is appended, so that no committed
 * change can ever be impossible to apply.
 */
import type { Core } from "./core.ts";
import type { ConfChange, Entry, Refusal } from "./types.ts";
import {
  decodeConfChange,
  encodeConfChange,
  leaveJoint,
} from "./conf_change.ts";
import { payloadBytes } from "./entry_size.ts";
import { nextMembership } from "./membership.ts";
import { noBytes } from "./message.ts";
import { broadcastAppend } from "./replication.ts";

/** Takes proposals as leader; a change that may not enter is replaced by an empty entry. */
export function takeProposals(
  core: Core,
  entries: readonly Entry[],
): Refusal | undefined {
  if (core.tracker.get(core.id) === undefined) return "notMember";
  if (core.leadTransferee !== 0) return "transferring";
  if (entries.some(({ type }) => type !== "normal")) {
    return takeChanges(core, entries);
  }
  if (!append(core, entries)) return "uncommittedFull";
  broadcastAppend(core);
  return undefined;
}

function takeChanges(
  core: Core,
  given: readonly Entry[],
): Refusal | undefined {
  let pendingConfIndex = core.pendingConfIndex;
  let refusal: Refusal | undefined;
  const first = core.log.lastIndex() + 1;
  const entries = given.map((entry, place): Entry => {
    if (entry.type === "normal") return entry;
    if (mayEnter(core, pendingConfIndex, decodeConfChange(entry))) {
      pendingConfIndex = first + place;
      return entry;
    }
    refusal = "confChangeRefused";
    return { ...entry, type: "normal", data: noBytes };
  });
  if (!append(core, entries)) return "uncommittedFull";
  core.pendingConfIndex = pendingConfIndex;
  broadcastAppend(core);
  return refusal;
}

/** Appends to the leader's own log; false when the byte budget is used up. */
export function append(core: Core, given: readonly Entry[]): boolean {
  const bytes = payloadBytes(given);
  const used = core.uncommittedBytes;
  // Something always fits an empty budget, and empty entries fit any.
  if (used > 0 && bytes > 0 && used + bytes > core.config.maxUncommittedBytes) {
    return false;
  }
  core.uncommittedBytes += bytes;
  const { log } = core;
  log.append(log.copier.number(given, core.term, log.lastIndex() + 1));
  // The leader acknowledges to itself, behind the disk like any follower.
  core.emit("MsgAppResp", core.id).index = log.lastIndex();
  return true;
}

/**
 * Proposes to leave a joint membership that leaves by itself, once it is applied. Like any proposal
 * it may be refused, and is made again with the next entry applied or transfer given up.
 */
export function maybeAutoLeave(core: Core): void {
  const { membership } = core.tracker;
  if (core.role !== "leader" || !membership.autoLeave) return;
  if (core.log.applied < core.pendingConfIndex) return;
  const { type, data } = encodeConfChange(leaveJoint);
  takeProposals(core, [{ term: 0, index: 0, type, data }]);
}

function mayEnter(
  core: Core,
  pendingConfIndex: number,
  change: ConfChange | undefined,
): boolean {
  if (change === undefined || pendingConfIndex > core.log.applied) return false;
  return !("rule" in nextMembership(core.tracker.membership, change));
}
