/** That a registration is not the present one: what an answer to its heartbeat tells. */
import { Code, ConveyorError } from "../errors.ts";

/** Whether the state refused a command because another registration, or none, holds the id. */
export function isReplaced(error: unknown): boolean {
  return error instanceof ConveyorError &&
    (error.code === Code.FailedPrecondition || error.code === Code.NotFound);
}
