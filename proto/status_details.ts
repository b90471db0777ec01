/**
 * Details of a refused call as `google.rpc.Status` with `BadRequest`, the form that gRPC tools of
 * every language read from the trailer `grpc-status-details-bin`.
 */
import type { Code, FieldViolation } from "../lib/errors.ts";
import { codecOf } from "./codec.ts";
import type { BadRequest, Status } from "./messages/status.ts";
import { schema } from "./schema.ts";

const badRequestUrl = "type.googleapis.com/google.rpc.BadRequest";
const statusCodec = codecOf<Status>(schema.lookupType("google.rpc.Status"));
const badRequestCodec = codecOf<BadRequest>(
  schema.lookupType("google.rpc.BadRequest"),
);

/** The trailer for a status with `details`. */
export function encodeStatusDetails(
  code: Code,
  message: string,
  details: readonly FieldViolation[],
): Uint8Array {
  const value = badRequestCodec.encode({ fieldViolations: [...details] });
  return statusCodec.encode({
    code,
    message,
    details: [{ typeUrl: badRequestUrl, value }],
  });
}

/** The violations in a trailer; none when it holds other details or is not readable. */
export function decodeStatusDetails(trailer: Uint8Array): FieldViolation[] {
  try {
    return statusCodec.decode(trailer).details
      .filter((detail) => detail.typeUrl === badRequestUrl)
      .flatMap((detail) => badRequestCodec.decode(detail.value).fieldViolations)
      .map(({ field, description }) => ({ field, description }));
  } catch {
    // A peer's trailer is a courtesy: the status itself says enough without it.
    return [];
  }
}
