/** What a service answered, decoded; bytes that are no such message blame the service. */
import { Code, ConveyorError } from "../lib/errors.ts";
import type { Method } from "../proto/service.ts";

/** The message in `bytes`, or Internal when they are malformed. */
export function decodeAnswer<O>(
  method: Method<unknown, O>,
  bytes: Uint8Array,
): O {
  try {
    return method.response.decode(bytes);
  } catch (cause) {
    throw new ConveyorError(
      Code.Internal,
      `Cannot read the answer of "${method.path}": ${(cause as Error).message}`,
      { cause },
    );
  }
}
