/**
 * The persist jobs that are given out and not yet durable. What waits for a job is kept with it:
 * this node's own votes and acks, and up to where its log is durable then. Jobs close in order, so
 * nothing counts before everything it rests on is on disk.
 */
import { invariant } from "../invariant.ts";
import type { Core } from "./core.ts";
import type { Message, OnDurable, Snapshot } from "./types.ts";
import { step } from "./step.ts";

interface Job extends OnDurable {
  readonly number: number;
  readonly term: number;
  readonly snapshot: Snapshot | undefined;
}

/** A job that was just opened, and the messages that came out with it. */
export interface OpenedJob {
  readonly number: number;
  readonly onDurable: OnDurable;
  readonly messages: readonly Message[];
}

/** Jobs under way, oldest first. */
export class JobQueue {
  readonly #core: Core;
  #jobs: Job[] = [];
  #number = 0;

  constructor(core: Core) {
    this.#core = core;
  }

  get isEmpty(): boolean {
    return this.#jobs.length === 0;
  }

  /** Opens the next job with all messages queued so far; those to others are given back. */
  open(snapshot: Snapshot | undefined): OpenedJob {
    const core = this.#core;
    const { messages, answers, log } = core;
    for (const answer of answers) {
      if (answer.to !== core.id) messages.push(answer);
    }
    core.messages = [];
    core.answers = [];
    const number = ++this.#number;
    const job: Job = {
      number,
      term: core.term,
      last: log.unstable.hasEntries ? log.last() : undefined,
      snapshot,
      answers,
    };
    this.#jobs.push(job);
    return { number, onDurable: job, messages };
  }

  /** Closes the jobs up to `number`, which are durable. */
  close(number: number): void {
    invariant(
      number <= this.#number,
      "a job was reported durable that was never given out",
    );
    while (this.#jobs[0] !== undefined && this.#jobs[0].number <= number) {
      this.#close(this.#jobs.shift()!);
    }
  }

  #close({ term, last, snapshot, answers }: Job): void {
    const core = this.#core;
    const { durableIndex } = core.log;
    for (const answer of answers) {
      // One of an earlier term may speak of entries that were replaced since; nobody listens to it.
      invariant(
        answer.index <= durableIndex || answer.type !== "MsgAppResp" ||
          answer.reject || answer.term !== core.term,
        "entries were acknowledged that storage does not have",
      );
      if (answer.to === core.id) step(core, answer);
    }
    // After a change of term the entries at these places may be others by now, still on their way
    // to the disk: only a job of this term can say that what is here is what is there.
    if (last !== undefined && term === core.term) {
      core.log.stableTo(last.index, last.term);
    }
    if (snapshot !== undefined) {
      core.log.unstable.stableSnapshotTo(snapshot.index);
      core.log.appliedTo(snapshot.index);
      core.appliedMembership = snapshot.confState;
    }
  }
}
