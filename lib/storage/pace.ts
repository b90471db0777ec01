/**
 * Slow work on a disk that others wait for: after a few steps it pauses, so that what is urgent finds
 * the disk idle most of the time and not at the end of a queue of large writes.
 */
import { snapshotChunksPerPause, snapshotPauseMs } from "../limits.ts";

/** Waits; a simulation puts its own time in. */
export type Pause = (ms: number) => Promise<void>;

/** A pause of the machine's. */
export const machinePause: Pause = (ms) =>
  new Promise((resolve) => setTimeout(resolve, ms));

/** Counts steps and pauses between them. */
export class Pace {
  readonly #pause: Pause;
  #steps = 0;

  constructor(pause: Pause) {
    this.#pause = pause;
  }

  /** Called after each step. */
  async step(): Promise<void> {
    this.#steps++;
    if (this.#steps % snapshotChunksPerPause > 0) return;
    await this.#pause(snapshotPauseMs);
  }
}
