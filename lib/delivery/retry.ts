/**
 * What a failure means for delivery, and how long to wait before the next attempt. A failure blames
 * either the record that was sent or the service that should have taken it: the first uses up
 * attempts, the second does not, because no record gets better by waiting and no service by giving
 * up on a record.
 */
import { Code } from "../errors.ts";
import {
  retryAttempts,
  retryBackoffMs,
  retryBackoffMsMax,
  retryMultiplier,
} from "../limits.ts";
import {
  integerOption,
  numberOption,
  requiredObject,
  timeOption,
} from "../options.ts";
import type { Random } from "../random.ts";

/** Whom a failed call blames; `either` is told apart by what other records meet. */
export type Blame = "record" | "service" | "either";

/** Whom a call that ended with `code` blames. */
export function blame(code: Code): Blame {
  switch (code) {
    case Code.InvalidArgument:
    case Code.OutOfRange:
    case Code.DataLoss:
      return "record";
    case Code.Internal:
    case Code.Unknown:
    case Code.AlreadyExists:
      return "either";
    case Code.Canceled:
    case Code.DeadlineExceeded:
    case Code.NotFound:
    case Code.PermissionDenied:
    case Code.ResourceExhausted:
    case Code.FailedPrecondition:
    case Code.Aborted:
    case Code.Unimplemented:
    case Code.Unavailable:
    case Code.Unauthenticated:
      return "service";
    default:
      return code satisfies never;
  }
}

/** Whether the same call may succeed a moment later with nobody changing anything. */
export function isTransient(code: Code): boolean {
  return code === Code.Unavailable || code === Code.ResourceExhausted ||
    code === Code.Aborted || code === Code.DeadlineExceeded;
}

/** How a call is tried again. Pauses grow geometrically and are jittered by up to half. */
export interface RetryPolicy {
  /** Attempts in all, the first included. @default 4 */
  readonly maxAttempts?: number;
  /** Pause before the second attempt, in ms. @default 100 */
  readonly initialBackoffMs?: number;
  /** Largest pause, in ms. @default 5000 */
  readonly maxBackoffMs?: number;
  /** Factor from one pause to the next. @default 2 */
  readonly multiplier?: number;
}

/** `policy` with its defaults; refuses values out of range by name. */
export function resolveRetryPolicy(
  policy: RetryPolicy = {},
): Required<RetryPolicy> {
  requiredObject("retry", policy);
  const initialBackoffMs = timeOption(
    "retry.initialBackoffMs",
    policy.initialBackoffMs,
    retryBackoffMs,
  );
  return {
    maxAttempts: integerOption(
      "retry.maxAttempts",
      policy.maxAttempts,
      retryAttempts,
      1,
      1_000,
    ),
    initialBackoffMs,
    maxBackoffMs: timeOption(
      "retry.maxBackoffMs",
      policy.maxBackoffMs,
      Math.max(initialBackoffMs, retryBackoffMsMax),
      initialBackoffMs,
    ),
    multiplier: numberOption(
      "retry.multiplier",
      policy.multiplier,
      retryMultiplier,
      1,
      100,
    ),
  };
}

/** Pause in ms after `attempts` failed attempts (from 1). */
export function backoffMs(
  policy: Required<RetryPolicy>,
  attempts: number,
  random: Random,
): number {
  const full = Math.min(
    policy.maxBackoffMs,
    policy.initialBackoffMs * policy.multiplier ** (attempts - 1),
  );
  return full * (0.5 + random() / 2);
}
