import { assert, assertEquals } from "@std/assert";
import {
  expressionCharsMax,
  expressionDepthMax,
  expressionNodesMax,
  loopValuesMax,
  nestedLoopValuesMax,
} from "../../../lib/limits.ts";
import {
  compileExpression,
  type Expression,
} from "../../../lib/routing/expression.ts";
import { RecordReader } from "../../../lib/routing/record_reader.ts";
import { seededRandom } from "../../../lib/random.ts";
import { viewOf } from "../../fixtures/pipelines.ts";

function compiled(source: string): Expression {
  const result = compileExpression(source);
  assert(result.kind === "compiled", JSON.stringify(result));
  return result.expression;
}

function reasonFor(source: string): string {
  const result = compileExpression(source);
  assert(result.kind === "refused", source);
  return result.reason;
}

function testOn(payload: string, source: string): boolean | undefined {
  const reader = new RecordReader([]);
  reader.open(viewOf([{ payload: new TextEncoder().encode(payload) }]));
  reader.seek(0);
  return compiled(source).test(reader.expressionRecord);
}

Deno.test("compileExpression() says what is wrong, and where", () => {
  assertEquals(
    reasonFor("record.partition == 3"),
    "no such overload: uint == int at character 1 (3u is a uint, 3 an int)",
  );
  assertEquals(
    reasonFor("true && nope"),
    "Unknown variable: nope at character 9",
  );
  assertEquals(reasonFor("record.type"), "it is of type string, not bool");
  assertEquals(
    reasonFor("'a'.matches(1)"),
    "found no matching overload for 'string.matches(int)' at character 1",
  );
});

Deno.test("compileExpression() refuses what is too long, too large or too deep", () => {
  assertEquals(
    reasonFor(`"${"x".repeat(expressionCharsMax)}" == ""`),
    "it has more than 8192 characters",
  );
  compiled("(".repeat(30) + "true" + ")".repeat(30));
  const deep = "[".repeat(expressionDepthMax + 1) +
    "]".repeat(expressionDepthMax + 1);
  assertEquals(
    reasonFor(`${deep} == []`),
    "Exceeded maxDepth (50) at character 51",
  );
  const wide = Array(expressionNodesMax).fill("1").join("+");
  assertEquals(
    reasonFor(`${wide} == 1`),
    "Exceeded maxAstNodes (1000) at character 1",
  );
  assertEquals(
    reasonFor("[1].all(a, [1].all(b, [1].all(c, a + b + c > 0)))"),
    "it has loops more than 2 deep",
  );
});

Deno.test("compileExpression() gives an expression that states what it reads", () => {
  const reads = (source: string): string[] => [...compiled(source).reads];
  assertEquals(reads("true"), []);
  assertEquals(reads("record.type == 'a' || record.metadata.x == 'b'"), [
    "type",
    "metadata",
  ]);
  assertEquals(reads("has(record.payload.a.b)"), ["payload"]);
});

Deno.test("Expression.test() is undefined for what is neither true nor false", () => {
  assertEquals(testOn('{"a": true}', "record.payload.a"), true);
  assertEquals(testOn('{"a": 1}', "record.payload.a"), undefined);
  assertEquals(testOn("{}", "record.payload.a == 1"), undefined);
  assertEquals(testOn("not JSON", "record.payload.a == 1"), undefined);
  assertEquals(testOn("not JSON", "has(record.payload)"), false);
});

Deno.test("Expression.test() is undefined where a loop would run over too much", () => {
  const numbers = (count: number): string =>
    JSON.stringify(Array(count).fill(1));
  const once = "record.payload.all(x, x == 1)";
  assertEquals(testOn(numbers(loopValuesMax - 1), once), true);
  assertEquals(testOn(numbers(loopValuesMax), once), undefined);
  const twice = "record.payload.all(x, record.payload.exists(y, x == y))";
  assertEquals(testOn(numbers(nestedLoopValuesMax - 1), twice), true);
  assertEquals(testOn(numbers(nestedLoopValuesMax), twice), undefined);
  // Without a loop nothing is run over.
  assertEquals(testOn(numbers(loopValuesMax), "record.payload[7] == 1"), true);
});

Deno.test("Expression.test() takes time in proportion to the text that it matches", () => {
  // By backtracking this takes 2^50 steps.
  const payload = JSON.stringify("a".repeat(50) + "b");
  assertEquals(testOn(payload, "record.payload.matches('^(a+)+$')"), false);
  assertEquals(
    testOn(payload, "record.payload.matches('^(a' + '+)+$')"),
    false,
  );
});

Deno.test("compileExpression() answers whatever it is given, and what it gives never throws", () => {
  const words =
    ("record . record.type record.payload record.metadata record.sequence x 'a' 1 2u " +
      "1.5 null true ( ) [ ] { } , : ? + - * / % ! == != < >= && || in has matches exists map size " +
      "timestamp duration 'b\\' \" b'' 0x . .5 e \u0000 😀").split(" ");
  const reader = new RecordReader([]);
  reader.open(viewOf([{
    payload: new TextEncoder().encode('{"x": [1, {"x": null}], "a": "a"}'),
  }]));
  reader.seek(0);
  const seed = 2_718;
  const random = seededRandom(seed);
  let compiledCount = 0;
  for (let round = 0; round < 5_000; round++) {
    const source = Array.from(
      { length: 1 + Math.floor(random() * 7) },
      () => words[Math.floor(random() * words.length)],
    ).join(random() < 0.5 ? "" : " ");
    const result = compileExpression(source);
    if (result.kind === "refused") {
      assert(result.reason !== "", `seed ${seed}, round ${round}: ${source}`);
      continue;
    }
    compiledCount++;
    result.expression.test(reader.expressionRecord);
  }
  assert(compiledCount > 15, `${compiledCount} of 5000 compiled`);
});

Deno.test({
  name: "compileExpression() needs no permission, nor does what it gives",
  permissions: "none",
  fn() {
    assertEquals(testOn('{"a": "x"}', "record.payload.a.matches('^x')"), true);
  },
});
