/**
 * What the linearizability checker asks of a specification: the effect of one operation after
 * another, as if there were one client. A model may also look ahead, which finds nothing that the
 * search would not find, but spares it most dead ends.
 */
import type { Operation } from "./history.ts";

/** States are compared with `===`. */
export type ModelState = string | bigint | null;

export interface SequentialModel<S extends ModelState> {
  readonly initial: S;
  /**
   * The state after `operation`, or undefined when it cannot have had its answer from `state`. One
   * without an answer is always possible.
   */
  step(state: S, operation: Operation): S | undefined;
  /** Whether the operation, with the answer it had, changes nothing wherever it is placed. */
  isRead(operation: Operation): boolean;
  /** Sees the operations of one key before the search begins. */
  lookahead(operations: readonly Operation[]): Lookahead<S>;
}

/** Knows what is still to be placed, and what that rules out. Operations go by their number. */
export interface Lookahead<S extends ModelState> {
  /** The operation has begun: it may be placed from now on. `unbegin` takes it back. */
  begin(operation: number): void;
  unbegin(operation: number): void;
  /** The operation has its place. `unplace` takes it back. */
  place(operation: number): void;
  unplace(operation: number): void;
  /** Whether the operation can be placed in this state, beyond what the model says. */
  allows(operation: number, state: S): boolean;
  /**
   * Operations of unknown outcome that have begun and have no place, and whose effect something may
   * need; `pending` are the known ones that have begun and have no place.
   */
  wanted(pending: Iterable<number>): Iterable<number>;
  /** Whether the step from one state to the other, already placed, leaves something without a place. */
  deadEnd(from: S, to: S): boolean;
  /**
   * An operation that may as well be placed right before `operation`, since no order is lost by it;
   * undefined when there is none.
   */
  prelude(
    operation: number,
    state: S,
    pending: Iterable<number>,
  ): number | undefined;
}
