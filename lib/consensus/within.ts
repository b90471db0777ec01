/** Waits for a promise no longer than an AbortSignal allows; the work itself goes on unheard. */
import { Code, ConveyorError } from "../errors.ts";

/** What `promise` resolves with, or the reason of `signal` when it aborts first. */
export async function within<T>(
  promise: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(reasonOf(signal));
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([promise, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}

function reasonOf({ reason }: AbortSignal): ConveyorError {
  if (reason instanceof ConveyorError) return reason;
  const late = reason instanceof DOMException && reason.name === "TimeoutError";
  return new ConveyorError(
    late ? Code.DeadlineExceeded : Code.Canceled,
    "Cannot wait for the request any longer; whether it was applied is not known",
    { cause: reason },
  );
}
