/**
 * Which membership follows from a change: a pure function from one to the next. A change that would
 * break a rule (no voters left, two voters at once without a joint membership, joint twice) gives
 * the rule it breaks instead, so that it can be refused before it enters the log.
 */
import { invariant } from "../invariant.ts";
import type { ConfChange, ConfState } from "./types.ts";
import { asV2, entersJoint, leavesJoint } from "./conf_change.ts";

/** A membership that may not be reached from here, and why. */
export interface ForbiddenChange {
  readonly rule: string;
}

/** The membership of a node that knows of none. */
export const noMembers: ConfState = {
  voters: [],
  votersOutgoing: [],
  learners: [],
  learnersNext: [],
  autoLeave: false,
};

/** The membership after `change`, or the rule that forbids it. */
export function nextMembership(
  current: ConfState,
  change: ConfChange,
): ConfState | ForbiddenChange {
  const joint = isJoint(current);
  if (leavesJoint(change)) {
    return joint ? leave(current) : { rule: "the membership is not joint" };
  }
  if (joint) return { rule: "the joint membership must be left first" };
  if (entersJoint(change) && current.voters.length === 0) {
    return { rule: "a membership without voters cannot become joint" };
  }
  const v2 = asV2(change);
  const next = new Draft(current, entersJoint(change));
  for (const { type, nodeId } of v2.changes) {
    if (nodeId === 0) continue;
    if (type === "addNode") next.addVoter(nodeId);
    else if (type === "addLearner") next.addLearner(nodeId);
    else if (type === "removeNode") next.remove(nodeId);
  }
  if (next.voters.size === 0) return { rule: "no voter would be left" };
  return next.finish(v2.transition !== "jointExplicit");
}

/** Whether the membership has two halves. */
export function isJoint(membership: ConfState): boolean {
  return membership.votersOutgoing.length > 0;
}

/** All members, ascending. */
export function membersOf(membership: ConfState): number[] {
  const { voters, votersOutgoing, learners } = membership;
  return ascending([...voters, ...votersOutgoing, ...learners]);
}

/** The ids once each, ascending: whoever visits members does so in this order. */
export function ascending(ids: Iterable<number>): number[] {
  return [...new Set(ids)].sort((one, other) => one - other);
}

/** A membership as it came from storage or a peer, in its one normal form. */
export function normalMembership(membership: ConfState): ConfState {
  const normal = {
    voters: ascending(membership.voters),
    votersOutgoing: ascending(membership.votersOutgoing),
    learners: ascending(membership.learners),
    learnersNext: ascending(membership.learnersNext),
    autoLeave: membership.autoLeave,
  };
  const broken = brokenRule(normal);
  invariant(broken === undefined, `an impossible membership: ${broken}`);
  return normal;
}

/** The rule that a membership breaks, whoever made it; undefined when there can be such a one. */
export function brokenRule(membership: ConfState): string | undefined {
  const { voters, votersOutgoing, learners, learnersNext, autoLeave } =
    membership;
  const votes = (id: number) =>
    voters.includes(id) || votersOutgoing.includes(id);
  if (membersOf(membership).some((id) => !Number.isSafeInteger(id) || id < 1)) {
    return "an id is no positive integer";
  }
  if (learners.some(votes)) return "a learner is also a voter";
  if (!learnersNext.every((id) => votersOutgoing.includes(id))) {
    return "a voter that becomes a learner is not in the outgoing half";
  }
  return autoLeave && votersOutgoing.length === 0
    ? "what is not joint would be left"
    : undefined;
}

function leave(current: ConfState): ConfState {
  return normalMembership({
    voters: current.voters,
    votersOutgoing: [],
    learners: [...current.learners, ...current.learnersNext],
    learnersNext: [],
    autoLeave: false,
  });
}

/** A membership under change. In a joint one the outgoing half keeps its voters to the end. */
class Draft {
  readonly voters: Set<number>;
  readonly #outgoing: Set<number>;
  readonly #learners: Set<number>;
  readonly #learnersNext = new Set<number>();

  constructor(current: ConfState, joint: boolean) {
    this.voters = new Set(current.voters);
    this.#outgoing = new Set(joint ? current.voters : []);
    this.#learners = new Set(current.learners);
  }

  addVoter(id: number): void {
    this.#learners.delete(id);
    this.#learnersNext.delete(id);
    this.voters.add(id);
  }

  addLearner(id: number): void {
    this.remove(id);
    // Nobody votes in one half and learns in the other: the outgoing half is left first.
    (this.#outgoing.has(id) ? this.#learnersNext : this.#learners).add(id);
  }

  remove(id: number): void {
    this.voters.delete(id);
    this.#learners.delete(id);
    this.#learnersNext.delete(id);
  }

  finish(autoLeave: boolean): ConfState {
    return normalMembership({
      voters: [...this.voters],
      votersOutgoing: [...this.#outgoing],
      learners: [...this.#learners],
      learnersNext: [...this.#learnersNext],
      autoLeave: autoLeave && this.#outgoing.size > 0,
    });
  }
}
