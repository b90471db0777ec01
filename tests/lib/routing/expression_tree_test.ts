import { assertEquals } from "@std/assert";
import {
  environment,
  linearMatches,
} from "../../../lib/routing/expression_environment.ts";
import {
  type ExpressionTree,
  inspectExpression,
} from "../../../lib/routing/expression_tree.ts";

function inspect(source: string): ExpressionTree {
  return inspectExpression(environment.parse(source).ast);
}

Deno.test("inspectExpression() finds the fields read, wherever they stand", () => {
  const reads = (source: string): string[] => [...inspect(source).reads].sort();
  assertEquals(reads("record.type == 'x' ? record.key : b''"), ["key", "type"]);
  assertEquals(reads("[record.partition, {1: record.sequence}]"), [
    "partition",
    "sequence",
  ]);
  assertEquals(reads("record.payload.a.filter(x, x == record.source_id)"), [
    "payload",
    "source_id",
  ]);
  assertEquals(reads("-1 == 1 || !has(record.event_time)"), ["event_time"]);
});

Deno.test("inspectExpression() counts a record used whole as every field", () => {
  assertEquals(inspect("[record] == []").reads.size, 8);
});

Deno.test("inspectExpression() finds the metadata that is asked for by name", () => {
  const keys = (source: string): string[] => [...inspect(source).metadataKeys];
  assertEquals(keys("record.metadata['a'] == record.metadata.b"), ["a", "b"]);
  assertEquals(keys("'c' in record.metadata || has(record.metadata.d)"), [
    "c",
    "d",
  ]);
  assertEquals(keys("[1].exists(x, record.metadata['e'] == string(x))"), ["e"]);
  assertEquals(keys("record.metadata[record.type] == 'x'"), []);
  assertEquals(keys("record.payload.metadata['a'] == record.payload['b']"), []);
  assertEquals(keys("record.metadata.exists(k, k in ['a'])"), []);
});

Deno.test("inspectExpression() counts loops inside one another", () => {
  assertEquals(inspect("1 == 1").loops, 0);
  assertEquals(inspect("[1].map(x, x).all(x, true)").loops, 1);
  assertEquals(inspect("[1].map(x, [2].exists(y, y == x))").loops, 2);
  assertEquals(inspect("[[1].all(x, true)].exists(y, y)").loops, 1);
});

Deno.test("inspectExpression() tells of functions that there are none of", () => {
  assertEquals(inspect("'a'.size() == 1").fault, undefined);
  assertEquals(
    inspect("'a'.split('') == []").fault,
    'there is no function "split"',
  );
  assertEquals(inspect("!f(1)").fault, 'there is no function "f"');
});

Deno.test("inspectExpression() tells of regular expressions that do not compile", () => {
  assertEquals(
    inspect("true && 'a'.matches('[a')").fault,
    "its regular expression is not RE2: missing closing ]: `[a`",
  );
});

Deno.test("inspectExpression() gives every matches its inner name", () => {
  const program = environment.parse(
    "matches('a', 'b') || ['a'].exists(x, x.matches('b'))",
  );
  inspectExpression(program.ast);
  const tree = JSON.stringify(program.ast.toOldStructure());
  assertEquals(tree.split(`"${linearMatches}"`).length, 3);
  assertEquals(tree.includes('"matches"'), false);
});
