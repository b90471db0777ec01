/**
 * Regular expressions that take time in proportion to the text, whatever the expression and the
 * text: both come from outside, and one that backtracks could stop a router with one record.
 */
// re2js: RE2's own syntax, bounds and linear time in plain JavaScript, 0.2 to 2 us a match; it
// refuses what cannot be linear (back references, look-around) instead of running it slowly.
import { RE2JS } from "re2js";
import { messageOf } from "../errors.ts";
import { cachedRegexesMax, patternCharsMax } from "../limits.ts";

/** A compiled expression. */
export interface Regex {
  /** Whether it matches somewhere in `text`. */
  test(text: string): boolean;
}

/** The expression, or in one sentence why there is none. */
export type RegexResult =
  | { readonly kind: "compiled"; readonly regex: Regex }
  | { readonly kind: "refused"; readonly reason: string };

/** Compiles an RE2 expression. */
export function compileRegex(source: string): RegexResult {
  if (source.length > patternCharsMax) {
    return {
      kind: "refused",
      reason: `it has more than ${patternCharsMax} characters`,
    };
  }
  try {
    return { kind: "compiled", regex: RE2JS.compile(source) };
  } catch (error) {
    return {
      kind: "refused",
      reason: messageOf(error).replace("error parsing regexp: ", ""),
    };
  }
}

const cache = new Map<string, Regex>();

/** Like `compileRegex`, for expressions met while records flow: the last ones are kept. */
export function cachedRegex(source: string): Regex | undefined {
  const cached = cache.get(source);
  if (cached !== undefined) return cached;
  const result = compileRegex(source);
  if (result.kind === "refused") return undefined;
  if (cache.size >= cachedRegexesMax) cache.clear();
  cache.set(source, result.regex);
  return result.regex;
}
