/** Refuses records that no result could name: their sender would wait for an answer for ever. */
import { invalidArgument } from "../errors.ts";
import type { Record } from "../../proto/messages/common.ts";

/** Throws InvalidArgument, naming `field`, unless `record` says what it is. */
export function requireId(record: Record, field: string): void {
  if (record.id?.sourceId) return;
  throw invalidArgument(
    `${field}.id.sourceId`,
    "must be a non-empty string",
    record.id?.sourceId,
  );
}
