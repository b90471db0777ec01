/** The exit code of a process that could not go on, by the conventions of sysexits. */
import { Code, ConveyorError } from "../errors.ts";
import { StorageError } from "../storage/storage_error.ts";

/** What the process ends with, where it does not end well. */
export const exitCodes = {
  /** Wrong use: a flag, a variable or a key that was refused. */
  usage: 64,
  /** Something that the process needs is not to be had now: an address is taken. */
  unavailable: 69,
  /** The process was not permitted something. */
  noPermission: 77,
  /** The node or its data directory needs an operator. */
  configuration: 78,
} as const;

/** 64 for wrong use, 69 for what may be had later, 78 for what an operator must mend, else 1. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof StorageError) {
    return error.needsOperator
      ? exitCodes.configuration
      : exitCodes.unavailable;
  }
  if (!(error instanceof ConveyorError)) return 1;
  switch (error.code) {
    case Code.InvalidArgument:
      return exitCodes.usage;
    case Code.Unavailable:
      return exitCodes.unavailable;
    case Code.PermissionDenied:
      return exitCodes.noPermission;
    // The node was removed, its id is another's, or it has lost what it acknowledged.
    case Code.AlreadyExists:
    case Code.FailedPrecondition:
    case Code.DataLoss:
      return exitCodes.configuration;
    default:
      return 1;
  }
}
