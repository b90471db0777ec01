/**
 * The functions of `jsr:@std/assert` that this project's tests use, for machines that cannot reach
 * jsr.io. Signatures and meaning are those of the original.
 */
import { equal } from "./equal.ts";

export { equal };

/** Thrown by every assertion that does not hold. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

// deno-lint-ignore no-explicit-any -- as in the original: any constructor, whatever it takes
type AnyConstructor = abstract new (...args: any[]) => any;

function failWith(what: string, message?: string): never {
  throw new AssertionError(
    message === undefined ? what : `${what.replace(/\.$/, "")}: ${message}`,
  );
}

function show(value: unknown): string {
  return Deno.inspect(value, {
    depth: Infinity,
    sorted: true,
    trailingComma: true,
    compact: false,
    iterableLimit: Infinity,
    strAbbreviateSize: Infinity,
  });
}

/** Lines of both, marked: `-` only actual, `+` only expected. */
function difference(actual: string, expected: string): string {
  const [a, b] = [actual.split("\n"), expected.split("\n")];
  let head = 0;
  while (head < Math.min(a.length, b.length) && a[head] === b[head]) head++;
  let tail = 0;
  while (
    tail < Math.min(a.length, b.length) - head &&
    a.at(-1 - tail) === b.at(-1 - tail)
  ) tail++;
  return [
    "    [Diff] Actual / Expected",
    "",
    ...a.slice(0, head).map((line) => `    ${line}`),
    ...a.slice(head, a.length - tail).map((line) => `-   ${line}`),
    ...b.slice(head, b.length - tail).map((line) => `+   ${line}`),
    ...a.slice(a.length - tail).map((line) => `    ${line}`),
  ].join("\n");
}

/** `expr` is truthy. */
export function assert(expr: unknown, msg = ""): asserts expr {
  if (!expr) throw new AssertionError(msg);
}

/** `expr` is falsy. */
export function assertFalse(
  expr: unknown,
  msg?: string,
): asserts expr is false {
  if (expr) failWith(`Expected a falsy value, got ${show(expr)}`, msg);
}

/** Equal in depth. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  failWith(
    `Values are not equal.${msg ? `: ${msg}` : ""}\n\n${
      difference(show(actual), show(expected))
    }\n`,
  );
}

/** Not equal in depth. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) {
    failWith(
      `Expected actual: ${show(actual)} not to be: ${show(expected)}.`,
      msg,
    );
  }
}

/** The same by Object.is. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  failWith(
    `Values are not strictly equal.${msg ? `: ${msg}` : ""}\n\n${
      difference(show(actual), show(expected))
    }\n`,
  );
}

/** Not the same by Object.is. */
export function assertNotStrictEquals<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (Object.is(actual, expected)) {
    failWith(
      `Expected "actual" to not be strictly equal to: ${show(actual)}`,
      msg,
    );
  }
}

/** Neither undefined nor null. */
export function assertExists<T>(
  actual: T,
  msg?: string,
): asserts actual is NonNullable<T> {
  if (actual === undefined || actual === null) {
    failWith(`Expected actual: "${actual}" to not be null or undefined.`, msg);
  }
}

/** An instance of `expectedType`. */
export function assertInstanceOf<T extends AnyConstructor>(
  actual: unknown,
  expectedType: T,
  msg?: string,
): asserts actual is InstanceType<T> {
  if (actual instanceof expectedType) return;
  const found = actual === null || typeof actual !== "object"
    ? `${actual === null ? "null" : typeof actual}`
    : actual.constructor?.name ?? "Object";
  failWith(
    `Expected object to be an instance of "${expectedType.name}" but was "${found}".`,
    msg,
  );
}

/** Matches `expected`. */
export function assertMatch(
  actual: string,
  expected: RegExp,
  msg?: string,
): void {
  if (!expected.test(actual)) {
    failWith(`Expected actual: "${actual}" to match: "${expected}".`, msg);
  }
}

/** Contains `expected`. */
export function assertStringIncludes(
  actual: string,
  expected: string,
  msg?: string,
): void {
  if (!actual.includes(expected)) {
    failWith(`Expected actual: "${actual}" to contain: "${expected}".`, msg);
  }
}

/** Every element of `expected` equals one of `actual`. */
export function assertArrayIncludes<T>(
  actual: ArrayLike<T>,
  expected: ArrayLike<T>,
  msg?: string,
): void {
  const missing = Array.from(expected).filter((value) =>
    !Array.from(actual).some((own) => equal(own, value))
  );
  if (missing.length > 0) {
    failWith(
      `Expected actual: "${show(actual)}" to include: "${
        show(expected)
      }".\nmissing: ${show(missing)}`,
      msg,
    );
  }
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
  if (Math.abs(expected - actual) <= allowed) return;
  failWith(
    `Expected actual: "${actual}" to be close to "${expected}": delta is over ${allowed}.`,
    msg,
  );
}

/** Has at least the properties of `expected`, in depth. */
export function assertObjectMatch(
  // deno-lint-ignore no-explicit-any -- as in the original: objects of any shape
  actual: Record<PropertyKey, any>,
  expected: Record<PropertyKey, unknown>,
  msg?: string,
): void {
  assertEquals(narrowed(actual, expected, new Map()), expected as unknown, msg);
}

/** `actual` with only what `expected` speaks of. */
function narrowed(
  actual: unknown,
  expected: unknown,
  seen: Map<unknown, unknown>,
): unknown {
  if (
    typeof actual !== "object" || actual === null ||
    typeof expected !== "object" || expected === null
  ) {
    return actual;
  }
  if (seen.has(actual)) return seen.get(actual);
  const plain = Array.isArray(actual) || actual.constructor === Object ||
    !actual.constructor;
  if (!plain && actual.constructor === expected.constructor) return actual;
  const kept: object = Array.isArray(actual) ? [] : {};
  seen.set(actual, kept);
  for (const key of Reflect.ownKeys(expected)) {
    if (!(key in actual)) continue;
    if (Array.isArray(kept) && key === "length") continue;
    Reflect.set(
      kept,
      key,
      narrowed(Reflect.get(actual, key), Reflect.get(expected, key), seen),
    );
  }
  return kept;
}

/** Greater. */
export function assertGreater<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual > expected)) {
    failWith(`Expect ${show(actual)} > ${show(expected)}`, msg);
  }
}

/** Greater or equal. */
export function assertGreaterOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (!(actual >= expected)) {
    failWith(`Expect ${show(actual)} >= ${show(expected)}`, msg);
  }
}

/** Less. */
export function assertLess<T>(actual: T, expected: T, msg?: string): void {
  if (!(actual < expected)) {
    failWith(`Expect ${show(actual)} < ${show(expected)}`, msg);
  }
}

/** Less or equal. */
export function assertLessOrEqual<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (!(actual <= expected)) {
    failWith(`Expect ${show(actual)} <= ${show(expected)}`, msg);
  }
}

/** Fails. */
export function fail(msg?: string): never {
  failWith("Failed assertion.", msg);
}

/** Fails: the code that calls it should not be reached. */
export function unreachable(msg?: string): never {
  failWith("Unreachable.", msg);
}

// deno-lint-ignore no-explicit-any -- as in the original: errors of any constructor
type ErrorClass<E extends Error> = abstract new (...args: any[]) => E;

/** `fn` throws; with a class and text, an error of that class whose message holds the text. */
export function assertThrows(fn: () => unknown, msg?: string): unknown;
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): E;
export function assertThrows<E extends Error>(
  fn: () => unknown,
  errorClassOrMsg?: ErrorClass<E> | string,
  msgIncludesOrMsg?: string,
  msg?: string,
): E | Error | unknown {
  try {
    fn();
  } catch (error) {
    return checked(error, errorClassOrMsg, msgIncludesOrMsg, msg);
  }
  failWith(
    "Expected function to throw.",
    typeof errorClassOrMsg === "string" ? errorClassOrMsg : msg,
  );
}

/** The promise of `fn` rejects; otherwise as `assertThrows`. A throw before that is a failure. */
export function assertRejects(
  fn: () => PromiseLike<unknown>,
  msg?: string,
): Promise<unknown>;
export function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  ErrorClass: ErrorClass<E>,
  msgIncludes?: string,
  msg?: string,
): Promise<E>;
export async function assertRejects<E extends Error>(
  fn: () => PromiseLike<unknown>,
  errorClassOrMsg?: ErrorClass<E> | string,
  msgIncludesOrMsg?: string,
  msg?: string,
): Promise<E | Error | unknown> {
  const own = typeof errorClassOrMsg === "string" ? errorClassOrMsg : msg;
  let promise: PromiseLike<unknown>;
  try {
    promise = fn();
  } catch {
    failWith("Function throws when expected to reject.", own);
  }
  try {
    await promise;
  } catch (error) {
    return checked(error, errorClassOrMsg, msgIncludesOrMsg, msg);
  }
  failWith("Expected function to reject.", own);
}

function checked<E extends Error>(
  error: unknown,
  errorClassOrMsg: ErrorClass<E> | string | undefined,
  msgIncludes: string | undefined,
  msg: string | undefined,
): unknown {
  if (typeof errorClassOrMsg !== "function") return error;
  if (!(error instanceof Error)) {
    failWith("A non-Error object was thrown or rejected.", msg);
  }
  if (!(error instanceof errorClassOrMsg)) {
    failWith(
      `Expected error to be instance of "${errorClassOrMsg.name}", but was "${error.constructor.name}".`,
      msg,
    );
  }
  if (msgIncludes && !error.message.includes(msgIncludes)) {
    failWith(
      `Expected error message to include "${msgIncludes}", but got "${error.message}".`,
      msg,
    );
  }
  return error;
}
