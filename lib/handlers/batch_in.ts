/** Finds the batch in a pushed message, which is one of several parts of a oneof, without decoding it. */
import { WireError, WireReader } from "../../proto/wire.ts";
import { Code, ConveyorError } from "../errors.ts";
import type { BatchRange } from "./push_stream.ts";

/**
 * Where the field with the tag `batch` is in a serialized message; undefined when it has none, or a
 * field with one of the tags `others` takes its place. Malformed is InvalidArgument.
 */
export function batchIn(
  message: Uint8Array,
  batch: number,
  ...others: readonly number[]
): BatchRange | undefined {
  try {
    const reader = new WireReader(message);
    let found: BatchRange | undefined;
    while (reader.pos < reader.end) {
      const tag = reader.tag();
      if (tag === batch) {
        const end = reader.delimited();
        found = { start: reader.pos, end };
        reader.pos = end;
      } else {
        if (others.includes(tag)) found = undefined;
        reader.skip(tag & 7, tag >>> 3);
      }
    }
    return found;
  } catch (error) {
    throw unreadable(error);
  }
}

/** A WireError as InvalidArgument; anything else as it is. */
export function unreadable(error: unknown): unknown {
  if (!(error instanceof WireError)) return error;
  return new ConveyorError(
    Code.InvalidArgument,
    `Cannot read a pushed message: ${error.message}`,
    {
      cause: error,
      details: [{ field: "request", description: error.message }],
    },
  );
}
