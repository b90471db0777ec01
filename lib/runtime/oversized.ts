/**
 * Tells a message that is too large for whoever is to receive it, the router or the service, from a
 * service that has no room. Both are RESOURCE_EXHAUSTED; but no waiting makes a message smaller. Its
 * records are at fault: fewer of them may pass, and one that does not by itself never will.
 */
import { Code, ConveyorError } from "../errors.ts";

/**
 * How it is worded: by this package and grpc-js, which the C core and its languages share with it; by
 * Go; by Java; by .NET. Rust says OUT_OF_RANGE, as is done here.
 */
const wordings: readonly RegExp[] = [
  /must be at most \d+ bytes when encoded/,
  /(received|sent) message larger than max/i,
  /message (that decompresses to|with) a size larger than/i,
  /trying to send message larger than max/i,
  /message exceeds maximum size/i,
  /message exceeds the maximum configured message size/i,
];

/** The error of a call; OutOfRange when a message was too large, which blames the records. */
export function blamingTheLarge(error: unknown): unknown {
  if (
    !(error instanceof ConveyorError) ||
    error.code !== Code.ResourceExhausted ||
    !wordings.some((wording) => wording.test(error.message))
  ) return error;
  return new ConveyorError(
    Code.OutOfRange,
    `${error.message}: a message with this record is larger than its receiver takes`,
    { cause: error, details: error.details, metadata: error.metadata },
  );
}
