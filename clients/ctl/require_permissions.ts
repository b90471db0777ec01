/** What the client needs to be permitted, asked for before it is needed. */
import { Code, ConveyorError } from "../../lib/errors.ts";
import {
  joinNeeds,
  missingPermissions,
  type Needs,
  processPermits,
  runtimeVariables,
} from "../../lib/permissions.ts";

/** PermissionDenied names all that is missing of these needs, and of the variables that are read. */
export function requirePermissions(...needs: readonly Partial<Needs>[]): void {
  const missing = missingPermissions(
    "client",
    joinNeeds(...needs),
    ["CONVEYOR_*", ...runtimeVariables],
    processPermits,
  );
  if (missing !== undefined) {
    throw new ConveyorError(Code.PermissionDenied, missing);
  }
}
