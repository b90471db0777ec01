/**
 * What a failed call or a failed record means for a stage. A failure of the service never costs a
 * record an attempt; a failure of a whole batch costs none either, since it cannot be said of which
 * record: the batch is halved until it is one record that fails.
 */
import { Code } from "../errors.ts";
import { blame } from "./retry.ts";

/** What to do about a call that failed for all its records. */
export type CallDecision =
  /** Send the two halves, one after the other. */
  | { readonly kind: "halve" }
  /** The one record has failed: it may be at fault, or the service (`inDoubt`). */
  | { readonly kind: "charge"; readonly inDoubt: boolean }
  /** The service is at fault: wait, then send the same again, or half of it. */
  | { readonly kind: "wait"; readonly halve: boolean };

/**
 * What to do about a call with so many records that ended with `code`. `isLarge`: they take more bytes
 * than a batch is to have, so that one record which is too much may be so by its size.
 */
export function decideCall(
  code: Code,
  records: number,
  isLarge: boolean,
): CallDecision {
  const whose = code === Code.ResourceExhausted && records === 1 && isLarge
    ? "either"
    : blame(code);
  switch (whose) {
    case "service":
      return {
        kind: "wait",
        halve: code === Code.ResourceExhausted && records > 1,
      };
    case "record":
    case "either":
      return records > 1
        ? { kind: "halve" }
        : { kind: "charge", inDoubt: whose === "either" };
    default:
      return whose satisfies never;
  }
}

const codeNames: Readonly<Record<Code, string>> = {
  [Code.Canceled]: "CANCELLED",
  [Code.Unknown]: "UNKNOWN",
  [Code.InvalidArgument]: "INVALID_ARGUMENT",
  [Code.DeadlineExceeded]: "DEADLINE_EXCEEDED",
  [Code.NotFound]: "NOT_FOUND",
  [Code.AlreadyExists]: "ALREADY_EXISTS",
  [Code.PermissionDenied]: "PERMISSION_DENIED",
  [Code.ResourceExhausted]: "RESOURCE_EXHAUSTED",
  [Code.FailedPrecondition]: "FAILED_PRECONDITION",
  [Code.Aborted]: "ABORTED",
  [Code.OutOfRange]: "OUT_OF_RANGE",
  [Code.Unimplemented]: "UNIMPLEMENTED",
  [Code.Internal]: "INTERNAL",
  [Code.Unavailable]: "UNAVAILABLE",
  [Code.DataLoss]: "DATA_LOSS",
  [Code.Unauthenticated]: "UNAUTHENTICATED",
};

/** The name of a code, as DeadLetter.error_code has it. */
export function codeName(code: Code): string {
  return codeNames[code];
}
