/**
 * Linearizability by its definition, for small histories: every order of every subset that holds all
 * operations known to have happened. Slow, and too simple to be wrong.
 */
import type { Operation } from "./history.ts";
import type { ModelState, SequentialModel } from "./sequential_model.ts";

export function isLinearizable<S extends ModelState>(
  model: SequentialModel<S>,
  operations: readonly Operation[],
): boolean {
  const place = (state: S, left: readonly Operation[]): boolean => {
    if (!left.some(({ known }) => known)) return true;
    return left.some((operation, i) => {
      // Something that is left returned before this one began.
      if (left.some(({ returned }) => returned < operation.invoked)) {
        return false;
      }
      const next = model.step(state, operation);
      return next !== undefined && place(next, left.toSpliced(i, 1));
    });
  };
  return place(model.initial, operations);
}
