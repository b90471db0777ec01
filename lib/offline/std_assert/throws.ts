/**
 * The assertions on errors, thrown or rejected with: both return the error for closer looks.
 */
import { stripVTControlCharacters } from "node:util";
import { failWith } from "./assertion_error.ts";

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
  ...rest: Rest<E>
): unknown {
  const wanted = wantedOf(rest);
  try {
    fn();
  } catch (error) {
    check(error, wanted, "thrown");
    return error;
  }
  failWith("Expected function to throw.", wanted.msg);
}

/** The promise of `fn` rejects; otherwise as `assertThrows`. A throw instead is a failure. */
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
  ...rest: Rest<E>
): Promise<unknown> {
  const wanted = wantedOf(rest);
  let promise: PromiseLike<unknown> | undefined;
  try {
    promise = fn();
  } catch {
    // Said below, as for a function that returns no promise.
  }
  if (typeof promise?.then !== "function") {
    failWith("Function throws when expected to reject.", wanted.msg);
  }
  try {
    await promise;
  } catch (error) {
    check(error, wanted, "rejected");
    return error;
  }
  failWith("Expected function to reject.", wanted.msg);
}

type Rest<E extends Error> = [
  classOrMsg?: ErrorClass<E> | string,
  msgIncludesOrMsg?: string,
  msg?: string,
];

interface Wanted {
  readonly type?: ErrorClass<Error>;
  readonly includes?: string | undefined;
  readonly msg?: string | undefined;
}

function wantedOf([first, second, third]: Rest<Error>): Wanted {
  return typeof first === "function"
    ? { type: first, includes: second, msg: third }
    : { msg: first ?? second };
}

function check(
  error: unknown,
  { type, includes, msg }: Wanted,
  how: "thrown" | "rejected",
): void {
  if (type === undefined) return;
  if (!(error instanceof Error)) {
    failWith(`A non-Error object was ${how}.`, msg);
  }
  const found = error.constructor.name;
  if (!(error instanceof type)) {
    failWith(
      `Expected error to be instance of "${type.name}", but was "${found}".`,
      msg,
    );
  }
  if (
    includes &&
    !stripVTControlCharacters(error.message).includes(
      stripVTControlCharacters(includes),
    )
  ) {
    failWith(
      `Expected error message to include ${JSON.stringify(includes)}, but got ${
        JSON.stringify(error.message)
      }.`,
      msg,
    );
  }
}
