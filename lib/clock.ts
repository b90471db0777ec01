/**
 * The only place that reads the clock. Shells take a `Clock`, so that a simulation can put its own
 * in; pure code takes the time as an argument.
 */
export interface Clock {
  /** Wall clock, milliseconds since the Unix epoch. For stamps that leave the process. */
  readonly nowMs: () => number;
  /** Monotonic clock in milliseconds, from an arbitrary origin. For deadlines and intervals. */
  readonly monotonicMs: () => number;
}

/** The clock of the machine. */
export const systemClock: Clock = {
  nowMs: () => Date.now(),
  monotonicMs: () => performance.now(),
};
