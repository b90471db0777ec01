/**
 * The only place that sets timers for work that goes on by itself. Shells take a `Scheduler`, so
 * that a simulation can decide what happens when; waits inside one call use its AbortSignal.
 */

/** Runs work later. */
export interface Scheduler {
  /** Runs `work` once, after the events that are waiting now. */
  readonly soon: (work: () => void) => void;
  /** Runs `work` once, after `ms` milliseconds; the function that is returned takes it back. */
  readonly after: (ms: number, work: () => void) => () => void;
}

/** The event loop of the process. */
export const systemScheduler: Scheduler = {
  soon: (work) => void setImmediate(work),
  after: (ms, work) => {
    const timer = setTimeout(work, ms);
    return () => clearTimeout(timer);
  },
};
