/**
 * What an assertion that does not hold throws, and the one way to throw it: the message of the
 * caller, when there is one, takes the place of the final full stop.
 */

/** Thrown by every assertion that does not hold. */
export class AssertionError extends Error {
  override readonly name = "AssertionError";
}

/** Throws `what`, followed by `details` on lines of their own. */
export function failWith(what: string, msg?: string, details = ""): never {
  const sentence = msg === undefined || msg === ""
    ? what
    : `${what.replace(/\.$/, "")}: ${msg}`;
  throw new AssertionError(sentence + details);
}
