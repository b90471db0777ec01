import type { Restoration } from "../state/types.ts";

/**
 * What consensus replicates: a machine that goes from state to state by commands alone, so that
 * every node that applies the same commands holds the same state. It is told the time and given
 * every chosen id in the command; it never asks for them.
 */
export interface StateMachine<Event = unknown> {
  /**
   * Applies one committed command. Never throws: what the command may not do, or what it does not
   * say clearly, is an answer too.
   */
  apply(command: Uint8Array, at: AppliedAt): Applied<Event>;
  /**
   * The state as it is at this moment, in chunks of at most 256 KiB. They may be drawn later, while
   * further commands are applied, and still show this moment.
   */
  snapshot(): Iterable<Uint8Array>;
  /** Begins to make another state of the chunks of a snapshot, beside the one that there is. */
  restoring(): Restoration;
}

/** Where in the log a command stands. */
export interface AppliedAt {
  readonly index: number;
  /** The leader's clock when it took the command, ms since the epoch; never falls along the log. */
  readonly atMs: number;
}

/** What a command did. */
export interface Applied<Event> {
  /** What its proposer is told. */
  readonly answer: Uint8Array;
  /** What watchers are told, in order. */
  readonly events: readonly Event[];
  /** Whether the state is another one now: who watches it is told to start again. @default false */
  readonly replaced?: boolean;
}
