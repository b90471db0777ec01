/**
 * Matching a part of an object: both sides are reduced to what the expectation speaks of, then compared
 * in depth. Classes do not matter here, only properties; arrays, sets and maps match by a part too.
 */
import { assertEquals } from "./equality.ts";
import { equal } from "./equal.ts";

/** Has at least the properties of `expected`, in depth. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any -- as in the original: objects of any shape
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  for (const value of [actual, expected]) {
    if (typeof value !== "object" || value === null) {
      throw new TypeError(
        `Cannot assertObjectMatch: a value is no object: ${value}`,
      );
    }
  }
  assertEquals(
    reduced(actual, expected, new Map()),
    reduced(expected, expected, new Map()),
    msg,
  );
}

/** By value and expectation: what the value was reduced to; both may hold themselves. */
type Seen = Map<object, Map<object, unknown>>;

function reduced(actual: unknown, expected: unknown, seen: Seen): unknown {
  if (!isOpen(actual) || !isOpen(expected)) return actual;
  const kind = kindOf(actual);
  if (kind !== kindOf(expected)) return actual;
  let kept = seen.get(actual)?.get(expected);
  if (kept !== undefined) return kept;
  kept = kind === "array"
    ? []
    : kind === "set"
    ? new Set()
    : kind === "map"
    ? new Map()
    : {};
  if (!seen.has(actual)) seen.set(actual, new Map());
  seen.get(actual)!.set(expected, kept);
  if (kept instanceof Set) keepValues(kept, actual, expected);
  else if (kept instanceof Map) keepEntries(kept, actual, expected, seen);
  else keepProperties(kept as object, actual, expected, seen);
  return kept;
}

/** Whether the value can be matched by a part; a date, a pattern or an error is equal or it is not. */
function isOpen(value: unknown): value is object {
  return typeof value === "object" && value !== null &&
    !(value instanceof Date || value instanceof RegExp ||
      value instanceof URL || value instanceof Error ||
      value instanceof WeakMap || value instanceof WeakSet ||
      value instanceof WeakRef || value instanceof ArrayBuffer ||
      value instanceof SharedArrayBuffer || ArrayBuffer.isView(value));
}

function kindOf(value: object): "array" | "set" | "map" | "object" {
  if (Array.isArray(value)) return "array";
  if (value instanceof Set) return "set";
  return value instanceof Map ? "map" : "object";
}

function keepValues(
  kept: Set<unknown>,
  actual: object,
  expected: object,
): void {
  const wanted = [...expected as Set<unknown>];
  for (const value of actual as Set<unknown>) {
    if (wanted.some((other) => equal(value, other))) kept.add(value);
  }
}

function keepEntries(
  kept: Map<unknown, unknown>,
  actual: object,
  expected: object,
  seen: Seen,
): void {
  const wanted = [...expected as Map<unknown, unknown>];
  for (const [key, value] of actual as Map<unknown, unknown>) {
    const found = wanted.find(([other]) => equal(key, other));
    if (found) kept.set(key, reduced(value, found[1], seen));
  }
}

function keepProperties(
  kept: object,
  actual: object,
  expected: object,
  seen: Seen,
): void {
  for (const key of Reflect.ownKeys(expected)) {
    if (!(key in actual) || (key === "length" && Array.isArray(kept))) continue;
    // Not by assignment: a key may be `__proto__`.
    Object.defineProperty(kept, key, {
      value: reduced(
        Reflect.get(actual, key),
        Reflect.get(expected, key),
        seen,
      ),
      enumerable: true,
      configurable: true,
      writable: true,
    });
  }
}
