/**
 * Slow work on a disk that others wait for: after a few steps it pauses, so that what is urgent finds
 * the disk idle most of the time and not at the end of a queue of large writes.
 */
import { slowWritePauseMs, slowWritesPerPause } from "../limits.ts";
import type { Scheduler } from "../scheduler.ts";

/** Counts steps and pauses between them. */
export class Pace {
  readonly #scheduler: Scheduler;
  #steps = 0;

  constructor(scheduler: Scheduler) {
    this.#scheduler = scheduler;
  }

  /** Called after each step. */
  async step(): Promise<void> {
    this.#steps++;
    if (this.#steps % slowWritesPerPause > 0) return;
    await new Promise<void>((resolve) => {
      this.#scheduler.after(slowWritePauseMs, resolve);
    });
  }
}
