/** A write that the disk refused, told so that an operator knows what to do about it. */
import { messageOf } from "../errors.ts";
import { StorageError } from "./storage_error.ts";

/** Of "the store" or "dead letters". What became of the write, only the next start finds out. */
export function writeFailed(what: string, error: unknown): StorageError {
  const reason = messageOf(error);
  const remedy = /\bfull\b/.test(reason) ? "; make room for it" : "";
  return new StorageError(
    "writeFailed",
    `Cannot write to ${what}: ${reason}${remedy}; whether it was written is unknown`,
    error,
  );
}
