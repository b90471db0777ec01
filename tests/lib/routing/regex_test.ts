import { assert, assertEquals, assertMatch } from "@std/assert";
import { cachedRegexesMax, patternCharsMax } from "../../../lib/limits.ts";
import { cachedRegex, compileRegex } from "../../../lib/routing/regex.ts";

function test(source: string, text: string): boolean {
  const result = compileRegex(source);
  assert(result.kind === "compiled", source);
  return result.regex.test(text);
}

Deno.test("compileRegex() takes RE2 expressions and matches anywhere in a text", () => {
  assert(test("eu-(west|east)-\\d", "in eu-west-1 now"));
  assert(!test("^eu-west$", "eu-west-1"));
  assert(test("(?i)EU", "eu"));
  assert(test("(?s)a.b", "a\nb"));
  assert(test("\\pL+", "é"));
  assert(test("", ""));
});

Deno.test("compileRegex() refuses what cannot be matched in linear time", () => {
  for (
    const source of ["(a)\\1", "(?=x)", "((a{100}){100}){100}", "[", "a{9999}"]
  ) {
    const result = compileRegex(source);
    assert(result.kind === "refused", source);
    assert(result.reason.length > 5, source);
  }
});

Deno.test("compileRegex() refuses an expression that is too long", () => {
  const result = compileRegex("a".repeat(patternCharsMax + 1));
  assert(result.kind === "refused");
  assertMatch(result.reason, /more than 1024 characters/);
});

Deno.test("compileRegex() gives what stays linear where backtracking would not end", () => {
  // By backtracking this takes 2^40 steps.
  assert(!test("^(a+)+$", "a".repeat(40) + "b"));
  assert(!test("(x+x+)+y", "x".repeat(20_000)));
});

Deno.test("cachedRegex() gives the same object again, and keeps no more than its bound", () => {
  const first = cachedRegex("^a$");
  assert(first !== undefined);
  assert(cachedRegex("^a$") === first);
  for (let i = 0; i < cachedRegexesMax; i++) cachedRegex(`^b${i}$`);
  assert(cachedRegex("^a$") !== first);
  assertEquals(cachedRegex("["), undefined);
});
