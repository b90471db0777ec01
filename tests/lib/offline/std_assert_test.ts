import * as asserts from "@std/assert";
import {
  assert,
  assertAlmostEquals,
  assertArrayIncludes,
  assertEquals,
  assertExists,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertNotStrictEquals,
  assertStrictEquals,
  assertStringIncludes,
  fail,
  unreachable,
} from "@std/assert";
import { diff, failure } from "../../fixtures/failed_assertion.ts";

Deno.test("AssertionError() is an Error of that name, with its cause", () => {
  const error = new AssertionError("What", { cause: 1 });
  assert(error instanceof Error);
  assertEquals([error.name, error.message, error.cause], [
    "AssertionError",
    "What",
    1,
  ]);
});

Deno.test("assert() and assertFalse() look at truth alone", () => {
  assert("0");
  assertFalse("");
  assertFalse(0n);
  for (const falsy of [false, 0, 0n, "", NaN, null, undefined]) {
    assertEquals(failure(() => assert(falsy, "own")), "own");
  }
  for (const truthy of [true, 1, {}, "false"]) {
    assertEquals(failure(() => assertFalse(truthy, "own")), "own");
  }
});

Deno.test("assertEquals() passes what equal() calls equal", () => {
  assertEquals(new Map([["a", { b: NaN }]]), new Map([["a", { b: NaN }]]));
  assertEquals<unknown>(Object.assign(Object.create(null), { a: 1 }), { a: 1 });
});

Deno.test("assertEquals() shows the lines that differ when values are not equal", () => {
  const message = failure(() => assertEquals(1, 2));
  assert(message.startsWith("Values are not equal.\n\n\n    [Diff]"), message);
  assertEquals(diff(message), "-   1\n+   2\n");
  assertEquals(
    diff(failure(() => assertEquals<unknown>([1, "2", 3], ["1", "2", 3]))),
    `    [
-     1,
+     "1",
      "2",
      3,
    ]
`,
  );
  assertEquals(
    diff(failure(() =>
      assertEquals<unknown>(
        { c: 3, a: [1, 2, 3, 4], b: new Map([[1, 2]]), e: {} },
        { a: [1, 3, 4, 5], b: new Map([[1, 2]]), c: 3n, e: {} },
      )
    )),
    `    {
      a: [
        1,
-       2,
        3,
        4,
+       5,
      ],
      b: Map(1) {
        1 => 2,
      },
-     c: 3,
+     c: 3n,
      e: {},
    }
`,
  );
});

Deno.test("assertEquals() shows texts line by line, and white space in them", () => {
  assertEquals(
    diff(failure(() => assertEquals("a\nb \nc", "a\nb\nc"))),
    '    "a\\n"\n-   "b \\n"\n+   "b\\n"\n    "c"\n',
  );
});

Deno.test("assertEquals() says the caller's message first", () => {
  const message = failure(() => assertEquals(1, 2, "CUSTOM MESSAGE"));
  assert(message.startsWith("Values are not equal: CUSTOM MESSAGE\n"), message);
});

Deno.test("assertEquals() shows large values that differ everywhere", () => {
  const list = (from: number) =>
    Array.from({ length: 3000 }, (_, i) => from + i);
  const lines = diff(failure(() => assertEquals(list(0), list(5000))));
  assertEquals(lines.match(/^- /gm)?.length, 3000);
  assertEquals(lines.match(/^\+ /gm)?.length, 3000);
});

Deno.test("assertNotEquals() fails when values are equal in depth", () => {
  assertNotEquals<unknown>({ a: 1 }, { a: 2 });
  assertEquals(
    failure(() => assertNotEquals("foo", "foo", "CUSTOM MESSAGE")),
    'Expected actual: "foo" not to be: "foo": CUSTOM MESSAGE',
  );
});

Deno.test("assertStrictEquals() wants the same value, and tells a copy from another value", () => {
  const value = { a: 1 };
  assertStrictEquals(value, value);
  assertStrictEquals(NaN, NaN);
  failure(() => assertStrictEquals(0, -0));
  assertEquals(
    failure(() => assertStrictEquals({ a: 1 }, { a: 1 })),
    "Values have the same structure but are not reference-equal." +
      "\n\n    {\n      a: 1,\n    }\n",
  );
  const message = failure(() => assertStrictEquals(1, 2, "CUSTOM MESSAGE"));
  assert(message.startsWith("Values are not strictly equal: CUSTOM MESSAGE\n"));
  assertEquals(diff(message), "-   1\n+   2\n");
});

Deno.test("assertNotStrictEquals() fails for the same value only", () => {
  assertNotStrictEquals({ a: 1 }, { a: 1 });
  assertNotStrictEquals(0, -0);
  assertEquals(
    failure(() => assertNotStrictEquals(1, 1)),
    'Expected "actual" to not be strictly equal to: 1',
  );
});

Deno.test("assertExists() fails for null and undefined alone", () => {
  for (const value of [0, "", false, NaN]) assertExists(value);
  assertEquals(
    failure(() => assertExists(null)),
    'Expected actual: "null" to not be null or undefined.',
  );
  failure(() => assertExists(undefined));
});

Deno.test("assertInstanceOf() says what the value is instead", () => {
  class Own {}
  abstract class Abstract {}
  class Concrete extends Abstract {}
  assertInstanceOf(new Own(), Own);
  assertInstanceOf(new Concrete(), Abstract);
  const sameName = { Own: class Own {} }.Own;
  const expected = 'Expected object to be an instance of "Own"';
  const cases: [value: unknown, but: string][] = [
    [new Date(), ' but was "Date".'],
    [5, ' but was "number".'],
    [null, ' but was "null".'],
    [undefined, ' but was "undefined".'],
    [{}, ' but was "Object".'],
    [Object.create(null), ' but was "Object".'],
    [Own, " but was not an instanced object."],
    [new sameName(), "."],
  ];
  for (const [value, but] of cases) {
    assertEquals(failure(() => assertInstanceOf(value, Own)), expected + but);
  }
});

Deno.test("assertMatch() and assertStringIncludes() quote text and what was looked for", () => {
  assertMatch("https://deno.test", /^https?:/);
  assertStringIncludes("denosaurus", "saur");
  assertEquals(
    failure(() => assertMatch("deno", /node/, "CUSTOM")),
    'Expected actual: "deno" to match: "/node/": CUSTOM',
  );
  assertEquals(
    failure(() => assertStringIncludes("deno", "node")),
    'Expected actual: "deno" to contain: "node".',
  );
});

Deno.test("assertArrayIncludes() finds elements in depth, and names the missing ones", () => {
  assertArrayIncludes([{ a: 1 }, { b: 2 }], [{ b: 2 }]);
  assertArrayIncludes(Uint8Array.of(1, 2, 3), Uint8Array.of(3, 1));
  assertEquals(
    failure(() => assertArrayIncludes(["a"], ["b", "a"], "CUSTOM")),
    'Expected actual: "[\n  "a",\n]" to include: "[\n  "b",\n  "a",\n]": CUSTOM' +
      '\nmissing: [\n  "b",\n]',
  );
  // @ts-expect-error a string is no array
  failure(() => assertArrayIncludes(["a"], "b"));
});

Deno.test("assertAlmostEquals() allows a ten millionth, or the tolerance given", () => {
  for (
    const [actual, expected] of [
      [0.1 + 0.2, 0.3],
      [-0, 0],
      [NaN, NaN],
      [Infinity, Infinity],
      [9e20, 9.0000000001e20],
      [1.000000001e-8, 1.000000002e-8],
    ] as const
  ) assertAlmostEquals(actual, expected);
  assertAlmostEquals(1, 1.4, 0.5);
  for (
    const [actual, expected] of [
      [1, 2],
      [5e-7, 6e-7],
      [1e-8, 1e-9],
      [0, Infinity],
      [-Infinity, Infinity],
      [Infinity, NaN],
    ] as const
  ) failure(() => assertAlmostEquals(actual, expected));
  assertEquals(
    failure(() => assertAlmostEquals(-Infinity, Infinity, 1e-17, "CUSTOM")),
    'Expected actual: "-Infinity" to be close to "Infinity": ' +
      'delta "Infinity" is greater than "1e-17": CUSTOM',
  );
});

Deno.test("assertGreater() and the like compare, and show the comparison that fails", () => {
  assertGreater(2, 1);
  assertGreaterOrEqual(2n, 2n);
  assertLess("a", "b");
  assertLessOrEqual(new Date(1), new Date(1));
  assertEquals(failure(() => assertGreater(1, 1)), "Expect 1 > 1");
  assertEquals(failure(() => assertGreaterOrEqual(1, 2)), "Expect 1 >= 2");
  assertEquals(
    failure(() => assertLess(1, 1, "CUSTOM")),
    "Expect 1 < 1: CUSTOM",
  );
  assertEquals(failure(() => assertLessOrEqual(2, 1)), "Expect 2 <= 1");
  failure(() => assertGreater(NaN, 1));
});

Deno.test("fail() and unreachable() always fail", () => {
  assertEquals(failure(() => fail()), "Failed assertion.");
  assertEquals(failure(() => fail("foo")), "Failed assertion: foo");
  assertEquals(failure(() => unreachable()), "Unreachable.");
  assertEquals(failure(() => unreachable("foo")), "Unreachable: foo");
});

Deno.test("@std/assert exports what this project uses, and no more", () => {
  assertEquals(Object.keys(asserts).sort(), [
    "AssertionError",
    "assert",
    "assertAlmostEquals",
    "assertArrayIncludes",
    "assertEquals",
    "assertExists",
    "assertFalse",
    "assertGreater",
    "assertGreaterOrEqual",
    "assertInstanceOf",
    "assertLess",
    "assertLessOrEqual",
    "assertMatch",
    "assertNotEquals",
    "assertNotStrictEquals",
    "assertObjectMatch",
    "assertRejects",
    "assertStrictEquals",
    "assertStringIncludes",
    "assertThrows",
    "equal",
    "fail",
    "unreachable",
  ]);
});
