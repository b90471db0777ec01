/**
 * The functions of `jsr:@std/assert` that this project's tests use, for machines that cannot reach
 * jsr.io. Signatures and meaning are those of the original; failures are shown without colours.
 */
import { AssertionError, failWith } from "./assertion_error.ts";
import { show } from "./difference.ts";
import { equal } from "./equal.ts";

export { AssertionError, equal };
export {
  assertEquals,
  assertNotEquals,
  assertNotStrictEquals,
  assertStrictEquals,
} from "./equality.ts";
export { assertObjectMatch } from "./object_match.ts";
export { assertRejects, assertThrows } from "./throws.ts";

/** Values that are compared as falsy. */
export type Falsy = false | 0 | 0n | "" | null | undefined;

// deno-lint-ignore no-explicit-any -- as in the original: any constructor, whatever it takes
export type AnyConstructor = abstract new (...args: any[]) => any;

/** An array or typed array, not a string. */
export type ArrayLikeArg<T> = ArrayLike<T> & object;

/** `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** `expr` is falsy. */
export function assertFalse(expr: unknown, msg = ""): asserts expr is Falsy {
  if (expr) throw new AssertionError(msg);
}

/** Neither undefined nor null. */
export function assertExists<T>(
  actual: T,
  msg?: string,
): asserts actual is NonNullable<T> {
  if (actual !== undefined && actual !== null) return;
  failWith(`Expected actual: "${actual}" to not be null or undefined.`, msg);
}

/** An instance of `expectedType`. */
export function assertInstanceOf<T extends AnyConstructor>(
  actual: unknown,
  expectedType: T,
  msg = "",
): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  const expected = expectedType.name;
  const found = classOf(actual);
  const but = found === undefined
    ? " but was not an instanced object"
    // Of another class of that name: to repeat the name would not help.
    : found === expected
    ? ""
    : ` but was "${found}"`;
  failWith(
    `Expected object to be an instance of "${expected}"${but}.`,
    msg,
  );
}

/** The name of the class of an object, of the type of anything else; none for a function. */
function classOf(value: unknown): string | undefined {
  if (value === null) return "null";
  if (typeof value === "function") return undefined;
  if (typeof value !== "object") return typeof value;
  return value.constructor?.name ?? "Object";
}

/** Matches `expected`. */
export function assertMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  if (expected.test(actual)) return;
  failWith(`Expected actual: "${actual}" to match: "${expected}".`, msg);
}

/** Contains `expected`. */
export function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void {
  if (actual.includes(expected)) return;
  failWith(`Expected actual: "${actual}" to contain: "${expected}".`, msg);
}

/** Every element of `expected` equals one of `actual`. */
export function assertArrayIncludes<T>(
  actual: ArrayLikeArg<T>,
  expected: ArrayLikeArg<T>,
  msg?: string,
): void {
  const own = Array.from(actual);
  const missing = Array.from(expected).filter((value) =>
    !own.some((element) => equal(element, value))
  );
  if (missing.length === 0) return;
  failWith(
    `Expected actual: "${show(actual)}" to include: "${show(expected)}".`,
    msg,
    `\nmissing: ${show(missing)}`,
  );
}

/** Within `tolerance`: 1e-7 of `expected` where none is given. */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  msg?: string,
): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ??
    (Number.isFinite(expected) ? Math.abs(expected * 1e-7) : 1e-7);
  const delta = Math.abs(expected - actual);
  if (delta <= allowed) return;
  failWith(
    `Expected actual: "${digits(actual)}" to be close to "${
      digits(expected)
    }": delta "${digits(delta)}" is greater than "${digits(allowed)}".`,
    msg,
  );
}

/** The shortest form that still tells two close numbers apart. */
function digits(value: number): string {
  return Number.isInteger(value) ? String(value) : value.toExponential();
}

/** Greater. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (actual > expected) return;
  failWith(`Expect ${show(actual)} > ${show(expected)}`, msg);
}

/** Greater or equal. */
export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (actual >= expected) return;
  failWith(`Expect ${show(actual)} >= ${show(expected)}`, msg);
}

/** Less. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (actual < expected) return;
  failWith(`Expect ${show(actual)} < ${show(expected)}`, msg);
}

/** Less or equal. */
export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (actual <= expected) return;
  failWith(`Expect ${show(actual)} <= ${show(expected)}`, msg);
}

/** Fails. */
export function fail(msg?: string): never {
  failWith("Failed assertion.", msg);
}

/** Fails: the code that calls it should not be reached. */
export function unreachable(msg?: string): never {
  failWith("Unreachable.", msg);
}
