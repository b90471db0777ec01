/**
 * Checks of the options that every call takes: one of the wrong type is refused by name before
 * anything is sent, instead of being ignored or failing somewhere else in other words.
 */
import { resolveRetryPolicy } from "../lib/delivery/retry.ts";
import { invalidArgument } from "../lib/errors.ts";
import { requiredObject, timeOption } from "../lib/options.ts";
import { metadataToGrpc } from "../lib/runtime/status.ts";
import type { CallOptions } from "./transport.ts";

/** `options`, or InvalidArgument for the first that is not what its type says. */
export function requireCallOptions<T extends CallOptions>(options: T): T {
  const { timeoutMs, signal, metadata, retry } = requiredObject(
    "options",
    options,
  );
  timeOption("timeoutMs", timeoutMs, 0);
  requireSignal(signal);
  requireMetadata(metadata);
  if (retry !== undefined) resolveRetryPolicy(retry);
  return options;
}

/** An AbortSignal, or nothing. */
export function requireSignal(signal: unknown): void {
  if (signal === undefined || signal instanceof AbortSignal) return;
  throw invalidArgument("signal", "must be an AbortSignal", signal);
}

/** An object from names to strings and bytes that can be sent, or nothing. */
export function requireMetadata(metadata: unknown): void {
  if (metadata === undefined) return;
  if (
    typeof metadata !== "object" || metadata === null || Array.isArray(metadata)
  ) {
    throw invalidArgument("metadata", "must be an object", metadata);
  }
  for (const [name, value] of Object.entries(metadata)) {
    if (typeof value === "string" || value instanceof Uint8Array) continue;
    throw invalidArgument(
      `metadata.${name}`,
      "must be a string or a Uint8Array",
      value,
    );
  }
  metadataToGrpc(metadata as CallOptions["metadata"] & object);
}
