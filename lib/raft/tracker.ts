/**
 * The members and what is known of each: the membership, one Progress per member, and the votes of
 * the election under way. Members are always visited in ascending id.
 */
import type { ConfState } from "./types.ts";
import { membersOf, noMembers } from "./membership.ts";
import { Progress, type WindowLimits } from "./progress.ts";
import {
  jointCommitted,
  jointVote,
  majorityVote,
  type VoteResult,
} from "./quorum.ts";

/** The members of the group as this node sees them. */
export class Tracker {
  readonly #limits: WindowLimits;
  #membership: ConfState = noMembers;
  /** Ascending. */
  #ids: readonly number[] = [];
  #progress = new Map<number, Progress>();
  readonly #votes = new Map<number, boolean>();

  constructor(limits: WindowLimits) {
    this.#limits = limits;
  }

  get membership(): ConfState {
    return this.#membership;
  }

  /** All members, ascending. */
  get ids(): readonly number[] {
    return this.#ids;
  }

  get(id: number): Progress | undefined {
    return this.#progress.get(id);
  }

  /** Whether the member votes, in either half. */
  isVoter(id: number): boolean {
    return this.#membership.voters.includes(id) ||
      this.#membership.votersOutgoing.includes(id);
  }

  /** Takes a new membership: who stays keeps its progress, who comes is probed from `next`. */
  change(membership: ConfState, next: number): void {
    const before = this.#progress;
    this.#membership = membership;
    this.#ids = membersOf(membership);
    this.#progress = new Map();
    for (const id of this.#ids) {
      const learner = membership.learners.includes(id);
      const known = before.get(id);
      const progress = known ?? new Progress(this.#limits, 0, next, learner);
      // A newcomer counts as heard from, or the next check would find the quorum gone.
      if (known === undefined) progress.recentActive = true;
      progress.learner = learner;
      this.#progress.set(id, progress);
    }
  }

  /** Forgets what was known: a new term. Of itself a node knows its whole log. */
  reset(self: number, lastIndex: number): void {
    this.resetVotes();
    for (const id of this.#ids) {
      const { learner } = this.#progress.get(id)!;
      const match = id === self ? lastIndex : 0;
      const progress = new Progress(
        this.#limits,
        match,
        lastIndex + 1,
        learner,
      );
      this.#progress.set(id, progress);
    }
  }

  /** The highest index that is durable at a quorum; Infinity without voters. */
  committed(): number {
    return this.reachedByQuorum(this.#match);
  }

  /** The highest number that a quorum has reached. */
  reachedByQuorum(reached: (id: number) => number): number {
    const { voters, votersOutgoing } = this.#membership;
    return jointCommitted(voters, votersOutgoing, reached);
  }

  /** Whether a quorum was heard from since the last check; then starts the next one. */
  checkQuorumActive(self: number): boolean {
    const active = new Map<number, boolean>();
    for (const id of this.#ids) {
      const progress = this.#progress.get(id)!;
      active.set(id, id === self || progress.takeActive());
    }
    const { voters, votersOutgoing } = this.#membership;
    return majorityVote(voters, active) === "won" &&
      majorityVote(votersOutgoing, active) === "won";
  }

  resetVotes(): void {
    this.#votes.clear();
  }

  /** Counts a vote; a second one of the same member changes nothing. */
  recordVote(id: number, granted: boolean): void {
    if (!this.#votes.has(id)) this.#votes.set(id, granted);
  }

  voteResult(): VoteResult {
    const { voters, votersOutgoing } = this.#membership;
    return jointVote(voters, votersOutgoing, this.#votes);
  }

  readonly #match = (id: number): number => this.#progress.get(id)!.match;
}
