/**
 * Goal: expressions mean what the CEL specification says. Method: expressions over one record, each
 * with its value from the specification; `fails` where it has none.
 */
import { assertEquals } from "@std/assert";
import { compileExpression } from "../../../lib/routing/expression.ts";
import { RecordReader } from "../../../lib/routing/record_reader.ts";
import { viewOf } from "../../fixtures/pipelines.ts";

const reader = new RecordReader([]);
reader.open(viewOf([{
  id: { sourceId: "orders", partition: 3, sequenceNumber: 2n ** 64n - 1n },
  recordType: "order.created",
  key: new TextEncoder().encode("k1"),
  metadata: { region: "eu-west-1", n: "7" },
  eventTime: { seconds: 1_767_323_045, nanos: 678_000_000 }, // 2026-01-02T03:04:05.678Z
  payload: new TextEncoder().encode(JSON.stringify({
    delay: 17.5,
    count: 3,
    items: [{ sku: "a", qty: 1 }, { sku: "b", qty: 5 }],
    name: "Ünï",
    nil: null,
    constructor: "x",
    deep: { a: { b: true } },
    flag: true,
  })),
}]));
reader.seek(0);

type Outcome = boolean | "fails" | "refused";

function outcome(source: string): Outcome {
  const result = compileExpression(source);
  if (result.kind === "refused") return "refused";
  return result.expression.test(reader.expressionRecord) ?? "fails";
}

function check(expected: Outcome, sources: readonly string[]): void {
  assertEquals(
    sources.map((source) => `${source} is ${outcome(source)}`),
    sources.map((source) => `${source} is ${expected}`),
  );
}

Deno.test("expressions read text as the specification says", () => {
  check(true, [
    "record.type == 'order.created'",
    'record.type != "order.paid"',
    "record.type.startsWith('order.') && record.type.endsWith('.created')",
    "record.type.contains('er.cr')",
    "record.source_id + '/x' == 'orders/x'",
    "'a' < 'b' && 'B' < 'a'",
    "size('😀') == 1 && 'Ünï'.size() == 3",
    "'\\u00e9' == 'é' && r'\\d' == '\\\\d'",
    "'''multi''' == 'multi'",
    "string(12) == '12' && string(1.5) == '1.5' && string(true) == 'true'",
    "bytes('é') == b'\\xc3\\xa9' && b'\\xff' == b'\\377'",
    "record.key == b'k1' && string(record.key) == 'k1'",
    "record.key > b'k' && record.key <= b'k1' && b'a' < b'b' && b'b' >= b'az'",
    "'AbC'.lowerAscii() == 'abc' && 'AbC'.upperAscii() == 'ABC'",
    "' a '.trim() == 'a' && 'abcb'.indexOf('b') == 1",
    "'abcb'.lastIndexOf('b') == 3 && 'abc'.substring(1, 2) == 'b'",
  ]);
});

Deno.test("expressions match regular expressions as RE2 does", () => {
  check(true, [
    "record.type.matches('^order\\\\.(created|paid)$')",
    "record.type.matches(r'rea')",
    "matches(record.type, '^order')",
    "'a\\nb'.matches('(?s)a.b')",
    "'é'.matches('\\\\pL+')",
    "'ab'.matches('(?i)AB')",
    "['ab'].exists(x, x.matches('^a'))",
    "[[1]].all(x, 'ab'.matches('b$'))",
    "{'k': 'ab'.matches('b')}.k",
    "record.metadata.region.matches('^' + 'eu')",
  ]);
  check(false, ["record.type.matches('^created')"]);
  check("fails", ["record.type.matches('[' + '')"]);
  check("refused", [
    "record.type.matches('[')",
    "record.type.matches('(?=x)')",
  ]);
});

Deno.test("expressions read metadata as a map", () => {
  check(true, [
    "record.metadata['region'] == 'eu-west-1'",
    "record.metadata.region == 'eu-west-1'",
    "'region' in record.metadata && !('x' in record.metadata)",
    "has(record.metadata.region) && !has(record.metadata.x)",
    "size(record.metadata) == 2",
    "int(record.metadata.n) > 5",
    "record.metadata.exists(k, k.startsWith('re'))",
  ]);
  check("fails", ["record.metadata['x'] == 'a'", "int('x') > 5"]);
});

Deno.test("expressions do not fail where the other side decides", () => {
  check(true, [
    "record.metadata.x == 'a' || true",
    "true || record.metadata.x == 'a'",
    "!(record.metadata.x == 'a' && false)",
    "true ? record.partition == 3u : 1 / 0 == 1",
  ]);
});

Deno.test("expressions count in int, uint and double, each for itself", () => {
  check(true, [
    "record.partition == 3u",
    "record.sequence == 18446744073709551615u",
    "record.sequence > 9223372036854775807u",
    "uint(3) == record.partition && int(record.partition) == 3",
    "dyn(1) == dyn(1.0) && dyn(1) == dyn(1u) && dyn(1) < dyn(1.5)",
    "7 / 2 == 3 && -7 % 3 == -1 && 0x10 == 16 && 1e3 == 1000.0",
    "int(2.9) == 2 && int('-0') == 0 && double('1.5') == 1.5",
    "1.0 / 0.0 > 1.0",
    "type(1) == int && type(record.sequence) == uint",
  ]);
  check("fails", [
    "record.sequence + 1u == 0u",
    "1u - 2u == 0u",
    "9223372036854775807 + 1 > 0",
    "1 / 0 == 1",
    "int(record.sequence) == 1",
  ]);
});

Deno.test("expressions read a JSON payload", () => {
  check(true, [
    "record.payload.delay > 15.0 && record.payload.delay > 15",
    "record.payload.count == 3 && record.payload.count in [1, 3]",
    "record.payload.items[1].sku == 'b'",
    "record.payload.items.exists(i, i.qty > 4)",
    "record.payload.items.all(i, i.qty > 0)",
    "record.payload.items.exists_one(i, i.sku == 'a')",
    "record.payload.items.filter(i, i.qty > 1).size() == 1",
    "record.payload.items.map(i, i.sku) == ['a', 'b']",
    "has(record.payload.deep.a.b) && !has(record.payload.deep.x)",
    "record.payload.nil == null",
    "record.payload.name == 'Ünï'",
    "record.payload.constructor == 'x'",
    "'sku' in record.payload.items[0]",
    "type(record.payload.count) == double",
    "has(record.payload)",
    "record.payload.flag",
  ]);
  check("fails", [
    "record.payload.missing == 1",
    "record.payload.items[2].sku == 'b'",
    "has(record.payload.deep.x.y)",
    "record.payload.count + 1 == 4",
    "record.payload.name",
  ]);
});

Deno.test("expressions compare times and lengths of time", () => {
  check(true, [
    "record.event_time > timestamp('2026-01-01T00:00:00Z')",
    "record.event_time == timestamp('2026-01-02T03:04:05.678Z')",
    "record.event_time.getFullYear() == 2026 && record.event_time.getMonth() == 0",
    "record.event_time.getDate() == 2 && record.event_time.getDayOfMonth() == 1",
    "record.event_time.getDayOfWeek() == 5 && record.event_time.getDayOfYear() == 1",
    "record.event_time.getHours() == 3 && record.event_time.getMilliseconds() == 678",
    "record.event_time.getHours('Europe/Berlin') == 4",
    "record.event_time.getHours('+02:00') == 5",
    "record.event_time - timestamp('2026-01-02T03:04:05Z') < duration('1s')",
    "record.event_time + duration('1h') > timestamp('2026-01-02T04:00:00Z')",
    "timestamp(record.event_time) == record.event_time",
    "duration(duration('1s')) == duration('1s')",
    "duration('90m') == duration('1.5h') && duration('1h').getMinutes() == 60",
    "int(timestamp('2026-01-02T00:00:00Z')) == 1767312000",
    "string(timestamp('2026-01-02T03:04:05Z')) == '2026-01-02T03:04:05Z'",
    "string(record.event_time) == '2026-01-02T03:04:05.678Z'",
    "string(duration('90s')) == '90s'",
  ]);
  check("fails", ["timestamp('no' + 'pe') > record.event_time"]);
});

Deno.test("expressions build lists and maps", () => {
  check(true, [
    "{'a': 1}.a == 1 && {1: 'a'}[1] == 'a'",
    "[1, 2] + [3] == [1, 2, 3] && [] == []",
    "2 in [1, 2, 3] && 3.0 in [1.0, 3.0]",
    "{'a': [1]} == {'a': [1]}",
    "// a comment\n true",
    "!false && !(1 > 2)",
  ]);
});

Deno.test("expressions with a mistake are refused before they run", () => {
  check("refused", [
    "",
    "record.typo == 'x'",
    "recrod.type == 'x'",
    "record.type + 1 == 'x'",
    "record.type > 5",
    "record.partition == 3",
    "1 + 1.0 == 2.0",
    "record.type.nope()",
    "undefined_fn(1)",
    "record.type &&",
    "record.type = 'x'",
    "'abc",
    "record.type",
    "1",
  ]);
});

Deno.test("expressions have no function that the language does not name", () => {
  check("refused", [
    "record.key.json().a == 1",
    "'a,b'.split(',').size() == 2",
    "['a'].join('') == 'a'",
    "'ab'.matchesInLinearTime('a')",
    "record.key.hex() == ''",
  ]);
});
