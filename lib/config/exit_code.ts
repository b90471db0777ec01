/** The exit code of a process that serves, whose storage may be what it fails for. */
import { ConveyorError } from "../errors.ts";
import { exitCodeFor, exitCodes } from "../exit_codes.ts";
import { StorageError } from "../storage/storage_error.ts";

/** As `exitCodeFor`; of storage 78 where an operator must mend it, else 69. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof StorageError) {
    return error.needsOperator
      ? exitCodes.configuration
      : exitCodes.unavailable;
  }
  return error instanceof ConveyorError ? exitCodeFor(error) : 1;
}
