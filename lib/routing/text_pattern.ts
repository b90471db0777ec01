/**
 * Patterns of text, as record types and metadata are matched by: plain text where "*" stands for any
 * characters, also none. The whole text has to match, in time that grows no faster than its length
 * times the pattern's.
 */

import { rememberedTextCharsMax, rememberedTextsMax } from "../limits.ts";

/** Whether a text matches. */
export type TextTest = (text: string) => boolean;

/** The test for `pattern`; every text is a valid pattern. */
export function textPattern(pattern: string): TextTest {
  const parts = pattern.split("*");
  if (parts.length === 1) return (text) => text === pattern;
  const first = parts[0]!;
  const last = parts.at(-1)!;
  const middle = parts.slice(1, -1).filter((part) => part !== "");
  const lengthMin = first.length + last.length;
  if (middle.length === 0) {
    return (text) =>
      text.length >= lengthMin && text.startsWith(first) && text.endsWith(last);
  }
  return (text) => {
    if (
      text.length < lengthMin || !text.startsWith(first) || !text.endsWith(last)
    ) return false;
    // The leftmost place of each part leaves the most room for those after it.
    const end = text.length - last.length;
    let from = first.length;
    for (const part of middle) {
      const at = text.indexOf(part, from);
      if (at < 0 || at + part.length > end) return false;
      from = at + part.length;
    }
    return true;
  };
}

/**
 * The same test with its answers remembered: for tests that take much longer than a look at a table,
 * of texts that come again and again.
 */
export function rememberedTextTest(test: TextTest): TextTest {
  const answers = new Map<string, boolean>();
  return (text) => {
    let answer = answers.get(text);
    if (answer === undefined) {
      answer = test(text);
      if (text.length > rememberedTextCharsMax) return answer;
      if (answers.size === rememberedTextsMax) answers.clear();
      answers.set(text, answer);
    }
    return answer;
  };
}
