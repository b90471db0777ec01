/**
 * Checks what only a bug of this package can break. A violation is not an error to handle: whoever
 * owns the process stops it, because going on would act on a state that cannot be.
 */

/** Thrown by `invariant`; never caught except to stop the node. */
export class InvariantViolation extends Error {
  override readonly name: string = "InvariantViolation";
}

/** Throws InvariantViolation with `message` unless `condition` holds. */
export function invariant(
  condition: unknown,
  message: string,
): asserts condition {
  if (!condition) throw new InvariantViolation(message);
}
