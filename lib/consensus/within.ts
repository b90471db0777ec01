/** Waits for a promise no longer than an AbortSignal allows; the work itself goes on unheard. */
import { Code, ConveyorError } from "../errors.ts";

/** What `promise` resolves with, or the reason of `signal` when it aborts first. */
export function within<T>(
  promise: Promise<T>,
  signal: AbortSignal,
): Promise<T> {
  // Every request waits here: promises of its own are spared, though a race would say it shorter.
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(reasonOf(signal));
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort);
    const heard = (): void => signal.removeEventListener("abort", onAbort);
    promise.then((value) => {
      heard();
      resolve(value);
    }, (error) => {
      heard();
      reject(error);
    });
  });
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
