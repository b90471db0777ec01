import { Code, ConveyorError } from "../errors.ts";

/** Why a flow that drains does not do `what`: another node does, or this one when it is back. */
export function stopping(what: string): ConveyorError {
  return new ConveyorError(
    Code.Unavailable,
    `Cannot ${what}: the router is stopping`,
  );
}
