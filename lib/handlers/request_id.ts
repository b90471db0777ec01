/** The id that a caller gave its request, so that it may repeat it and have it carried out once. */
import { invalidArgument } from "../errors.ts";
import {
  newRequestId,
  requestIdBytes,
  requestIdKey,
} from "../metadata_keys.ts";
import type { CallContext } from "../rpc/handler.ts";

/** The caller's id; one drawn here where it gave none: it does not mean to repeat the request. */
export function requestIdOf({ metadata }: CallContext): Uint8Array {
  const given = metadata[requestIdKey]?.[0];
  if (given === undefined) return newRequestId();
  if (given instanceof Uint8Array && given.length === requestIdBytes) {
    return given;
  }
  throw invalidArgument(
    `metadata.${requestIdKey}`,
    `must have ${requestIdBytes} bytes`,
    given,
  );
}

/** A name that is the same for every repetition of a request, and for no other request. */
export function nameFrom(requestId: Uint8Array): string {
  return requestId.toHex();
}
