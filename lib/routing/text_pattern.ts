/**
 * Patterns of text, as record types and metadata are matched by: plain text where "*" stands for any
 * characters, also none. The whole text has to match, in time that grows no faster than its length
 * times the pattern's.
 */

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

/** The same test for texts that seldom change from one to the next: the last answer is kept. */
export function repeatedTextTest(test: TextTest): TextTest {
  let last: string | undefined;
  let answer = false;
  return (text) => {
    if (text !== last) {
      answer = test(text);
      last = text;
    }
    return answer;
  };
}
