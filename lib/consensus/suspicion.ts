/**
 * A shorter way to a new leader than the election timeout: when the connection to the leader breaks,
 * its process has most likely died. The node then forgets the leader, so that it may vote, and runs
 * a little later unless it hears from the leader meanwhile. It runs by pre-vote, so a node that
 * alone lost its connection changes nothing: the others still hear the leader and do not answer.
 */
import type { Random } from "../random.ts";
import type { Status } from "../raft/types.ts";

/** What is to be done at this tick. */
export type SuspicionStep = "nothing" | "forget" | "campaign";

/** The suspicion of one node against its leader. */
export class Suspicion {
  readonly #ticksMax: number;
  readonly #random: Random;
  #raised = false;
  /** Ticks until this node runs; 0 when it does not suspect anyone. */
  #left = 0;

  /** The node runs within a fifth of the election timeout, at a time of its own. */
  constructor(electionTicks: number, random: Random) {
    this.#ticksMax = Math.max(2, Math.floor(electionTicks / 5));
    this.#random = random;
  }

  /** The connection to the leader broke. */
  raise(): void {
    this.#raised = true;
  }

  tick({ lead, role }: Pick<Status, "lead" | "role">): SuspicionStep {
    if (role !== "follower") {
      this.#raised = false;
      this.#left = 0;
      return "nothing";
    }
    if (this.#raised) {
      this.#raised = false;
      if (lead === 0) return "nothing";
      this.#left = 2 + Math.floor(this.#random() * this.#ticksMax);
      return "forget";
    }
    if (this.#left === 0) return "nothing";
    // Heard from a leader again: it was the connection only.
    if (lead !== 0) this.#left = 0;
    else if (--this.#left === 0) return "campaign";
    return "nothing";
  }
}
