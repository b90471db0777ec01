/**
 * The assertions of deep and strict equality; each failure shows the lines in which the values differ.
 */
import { failWith } from "./assertion_error.ts";
import { difference, show } from "./difference.ts";
import { equal } from "./equal.ts";

/** Equal in depth. */
export function assertEquals<T>(actual: T, expected: T, msg?: string): void {
  if (equal(actual, expected)) return;
  failWith("Values are not equal.", msg, difference(actual, expected));
}

/** Not equal in depth. */
export function assertNotEquals<T>(actual: T, expected: T, msg?: string): void {
  if (!equal(actual, expected)) return;
  failWith(
    `Expected actual: ${show(actual)} not to be: ${show(expected)}.`,
    msg,
  );
}

/** The same by Object.is. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  msg?: string,
): asserts actual is T {
  if (Object.is(actual, expected)) return;
  const shown = show(actual);
  if (shown !== show(expected)) {
    failWith(
      "Values are not strictly equal.",
      msg,
      difference(actual, expected),
    );
  }
  const indented = shown.split("\n").map((line) => `    ${line}`).join("\n");
  failWith(
    "Values have the same structure but are not reference-equal.",
    msg,
    `\n\n${indented}\n`,
  );
}

/** Not the same by Object.is. */
export function assertNotStrictEquals<T>(
  actual: T,
  expected: T,
  msg?: string,
): void {
  if (!Object.is(actual, expected)) return;
  failWith(
    `Expected "actual" to not be strictly equal to: ${show(actual)}`,
    msg,
  );
}
