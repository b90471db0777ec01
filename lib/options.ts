/**
 * Checks for options, used once, at the edge where they enter. Each names the option, the rule and
 * the value found in an InvalidArgument, and gives back the value so that a resolver reads as a list.
 */
import { invalidArgument } from "./errors.ts";
import { timeoutMsMax } from "./limits.ts";

/** An integer in [min, max]. */
export function integerOption(
  name: string,
  value: number | undefined,
  fallback: number,
  min: number,
  max: number = Number.MAX_SAFE_INTEGER,
): number {
  if (value === undefined) return fallback;
  if (!Number.isSafeInteger(value) || value < min || value > max) {
    throw invalidArgument(
      name,
      `must be an integer from ${min} to ${max}`,
      value,
    );
  }
  return value;
}

/** A finite number in [min, max]. */
export function numberOption(
  name: string,
  value: number | undefined,
  fallback: number,
  min: number,
  max: number,
): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !(value >= min && value <= max)) {
    throw invalidArgument(
      name,
      `must be a number from ${min} to ${max}`,
      value,
    );
  }
  return value;
}

/** A time in milliseconds that a timer can wait for; at least `min`. */
export function timeOption(
  name: string,
  value: number | undefined,
  fallback: number,
  min = 1,
): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !(value >= min && value <= timeoutMsMax)) {
    throw invalidArgument(
      name,
      `must be from ${min} to ${timeoutMsMax} ms`,
      value,
    );
  }
  return value;
}

/** A string with at least one character. */
export function requiredString(name: string, value: unknown): string {
  if (typeof value !== "string" || value.length === 0) {
    throw invalidArgument(name, "must be a non-empty string", value);
  }
  return value;
}

/** An object: options, a message. */
export function requiredObject<T extends object>(name: string, value: T): T {
  if (typeof value === "object" && value !== null) return value;
  throw invalidArgument(name, "must be an object", value);
}

/** A function. */
export function requiredFunction<T>(name: string, value: T): T {
  if (typeof value === "function") return value;
  throw invalidArgument(name, "must be a function", value);
}

/** Those of `names` that `object` has must be functions. */
export function optionalFunctions<T extends object>(
  field: string,
  object: T,
  ...names: (keyof T & string)[]
): void {
  for (const name of names) {
    if (object[name] === undefined) continue;
    requiredFunction(`${field}.${name}`, object[name]);
  }
}

/** True or false. */
export function booleanOption(
  name: string,
  value: boolean | undefined,
  fallback: boolean,
): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== "boolean") {
    throw invalidArgument(name, "must be true or false", value);
  }
  return value;
}
