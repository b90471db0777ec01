import { assertEquals } from "@std/assert";
import {
  rememberedTextCharsMax,
  rememberedTextsMax,
} from "../../../lib/limits.ts";
import {
  rememberedTextTest,
  textPattern,
} from "../../../lib/routing/text_pattern.ts";
import { seededRandom } from "../../../lib/random.ts";

Deno.test("textPattern() matches whole texts, with * for any characters", () => {
  const cases: [pattern: string, text: string, expected: boolean][] = [
    ["order.created", "order.created", true],
    ["order.created", "order.created2", false],
    ["order.*", "order.", true],
    ["order.*", "order.paid", true],
    ["order.*", "orders.paid", false],
    ["*.paid", "order.paid", true],
    ["*.paid", "order.paid.x", false],
    ["*", "", true],
    ["**", "x", true],
    ["", "", true],
    ["", "x", false],
    ["a*b*c", "abc", true],
    ["a*b*c", "a-b-b-c", true],
    ["a*b*c", "acb", false],
    ["ab*ba", "aba", false],
    ["a*a", "a", false],
    ["*ab*ab*", "abab", true],
    ["*ab*ab*", "aab", false],
    ["a*bc*c", "abc", false],
    ["[a]*", "a", false],
    [".*", "xyz", false],
  ];
  for (const [pattern, text, expected] of cases) {
    assertEquals(textPattern(pattern)(text), expected, `${pattern} ${text}`);
  }
});

Deno.test("textPattern() agrees with the same pattern as a regular expression", () => {
  const seed = 4_711;
  const random = seededRandom(seed);
  const word = (alphabet: string, lengthMax: number): string =>
    Array.from(
      { length: Math.floor(random() * lengthMax) },
      () => alphabet[Math.floor(random() * alphabet.length)],
    ).join("");
  let matched = 0;
  for (let round = 0; round < 3_000; round++) {
    const pattern = word("ab*", 7);
    const text = word("ab", 8);
    const expected = new RegExp(`^${pattern.replaceAll("*", ".*")}$`).test(
      text,
    );
    if (expected) matched++;
    assertEquals(
      textPattern(pattern)(text),
      expected,
      `seed ${seed}, round ${round}: ${pattern} ${text}`,
    );
  }
  assertEquals(matched > 300 && matched < 2_700, true);
});

Deno.test("rememberedTextTest() asks once for a text that comes again", () => {
  const asked: string[] = [];
  const test = rememberedTextTest((text) =>
    asked.push(text) > 0 && text === "a"
  );
  assertEquals(["a", "b", "a", "b"].map(test), [true, false, true, false]);
  assertEquals(asked, ["a", "b"]);
});

Deno.test("rememberedTextTest() remembers no more than its bounds", () => {
  let asked = 0;
  const test = rememberedTextTest(() => ++asked > 0);
  for (let i = 0; i < rememberedTextsMax; i++) test(`${i}`);
  test("0");
  assertEquals(asked, rememberedTextsMax);
  test("one more");
  test("0");
  assertEquals(asked, rememberedTextsMax + 2);
  const long = "x".repeat(rememberedTextCharsMax + 1);
  test(long);
  test(long);
  assertEquals(asked, rememberedTextsMax + 4);
});
