/**
 * A membership change takes effect when it is applied, on every node at the same index. A leader
 * then may find more entries committed, starts to probe who is new, and steps down if it is out.
 */
import { invariant } from "../invariant.ts";
import type { ConfChange, ConfState } from "./types.ts";
import type { Core } from "./core.ts";
import { commit, releaseReads } from "./leader.ts";
import { nextMembership } from "./membership.ts";
import { maybeSendAppend } from "./replication.ts";

/** Applies a committed change; the membership from here on. */
export function reconfigure(core: Core, change: ConfChange): ConfState {
  const { tracker, log } = core;
  const next = nextMembership(core.appliedMembership, change);
  invariant(!("rule" in next), "a committed membership change is impossible");
  core.appliedMembership = next;
  // A snapshot that is being installed has brought a later membership already.
  if (log.unstable.snapshot !== undefined) return next;
  tracker.change(next, Math.max(log.lastIndex(), 1));
  if (core.role === "leader") settle(core);
  return next;
}

function settle(core: Core): void {
  const { tracker } = core;
  const own = tracker.get(core.id);
  if (own === undefined || own.learner) {
    if (core.config.stepDownOnRemoval) core.becomeFollower(core.term, 0);
    return;
  }
  if (!commit(core)) {
    for (const id of tracker.ids) {
      if (id !== core.id) maybeSendAppend(core, id, false);
    }
  }
  if (!tracker.isVoter(core.leadTransferee)) core.abortTransfer();
  releaseReads(core);
}
