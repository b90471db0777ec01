/** What an answer that cannot be read means: the service may be at fault, or what it was asked. */
import { asConveyorError, Code, ConveyorError } from "../errors.ts";
import { InvariantViolation } from "../invariant.ts";

/** The error of an answer that could not be read, for this reason; one that the answer told is that. */
export function unreadableAnswer(error: unknown): ConveyorError {
  if (error instanceof ConveyorError) return error;
  if (error instanceof InvariantViolation) throw error;
  const { message } = asConveyorError(error);
  return new ConveyorError(
    Code.Internal,
    `Cannot read the answer of the service: ${message}`,
    { cause: error },
  );
}
