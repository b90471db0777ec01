/** The exit codes of processes that could not go on, by the conventions of sysexits. */
import { Code, type ConveyorError } from "./errors.ts";

/** What a process ends with, where it does not end well. */
export const exitCodes = {
  /** Wrong use: a flag, a variable or a key that was refused. */
  usage: 64,
  /** Something that the process needs is not to be had now: an address is taken. */
  unavailable: 69,
  /** The process was not permitted something. */
  noPermission: 77,
  /** Something needs an operator first: the node, its data directory, or the state of the cluster. */
  configuration: 78,
} as const;

/** 64 for wrong use, 69 for what may be had later, 78 for what an operator must mend, else 1. */
export function exitCodeFor({ code }: ConveyorError): number {
  switch (code) {
    case Code.InvalidArgument:
      return exitCodes.usage;
    case Code.Unavailable:
      return exitCodes.unavailable;
    case Code.PermissionDenied:
      return exitCodes.noPermission;
    // Of a node: it was removed, its id is another's, or it has lost what it acknowledged.
    case Code.AlreadyExists:
    case Code.FailedPrecondition:
    case Code.DataLoss:
      return exitCodes.configuration;
    default:
      return 1;
  }
}
