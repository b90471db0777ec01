import { assertEquals, assertObjectMatch, assertThrows } from "@std/assert";
import { diff, failure } from "../../fixtures/failed_assertion.ts";

Deno.test("assertObjectMatch() matches a part of objects and arrays, in depth", () => {
  const key = Symbol("key");
  const actual = { foo: true, list: [[1, 2, 3, 4], { a: 1, b: 2 }], [key]: 1 };
  assertObjectMatch(actual, {});
  assertObjectMatch(actual, { list: [] });
  assertObjectMatch(actual, { foo: true, list: [[1, 2], { b: 2 }] });
  assertObjectMatch(actual, { [key]: 1 });
  assertObjectMatch({ a: undefined, b: null }, { a: undefined });
});

Deno.test("assertObjectMatch() matches a part of sets and maps", () => {
  const actual = {
    set: new Set<unknown>([1, "foo", { a: 1 }]),
    map: new Map<string, unknown>([["a", 1], ["b", { c: 2, d: 3 }]]),
  };
  assertObjectMatch(actual, { set: new Set(["foo", { a: 1 }]) });
  assertObjectMatch(actual, { map: new Map([["b", { c: 2 }]]) });
  failure(() => assertObjectMatch(actual, { set: new Set(["bar"]) }));
  failure(() => assertObjectMatch(actual, { map: new Map([["a", 2]]) }));
  failure(() => assertObjectMatch(actual, { map: new Map([["z", 1]]) }));
});

Deno.test("assertObjectMatch() looks at properties, not at classes", () => {
  class A {
    constructor(readonly a: number) {}
    get twice(): number {
      return 2 * this.a;
    }
  }
  assertObjectMatch({ test: new A(1) }, { test: { a: 1, twice: 2 } });
  assertObjectMatch({ test: { a: 1 } }, { test: new A(1) });
  assertObjectMatch({ test: new A(1) }, { test: new A(1) });
  failure(() => assertObjectMatch({ test: new A(1) }, { test: new A(2) }));
});

Deno.test("assertObjectMatch() wants dates, patterns and bytes whole", () => {
  assertObjectMatch(
    { at: new Date(1), like: /a/g, bytes: Uint8Array.of(1, 2) },
    { at: new Date(1), like: /a/g, bytes: Uint8Array.of(1, 2) },
  );
  failure(() => assertObjectMatch({ at: new Date(1) }, { at: new Date(2) }));
  failure(() => assertObjectMatch({ like: /a/g }, { like: /a/i }));
  failure(() =>
    assertObjectMatch({ bytes: Uint8Array.of(1, 2) }, {
      bytes: Uint8Array.of(1),
    })
  );
});

Deno.test("assertObjectMatch() ends on values that hold themselves", () => {
  const loop: Record<string, unknown> = { foo: true };
  loop.bar = loop;
  assertObjectMatch(loop, { bar: { bar: { bar: { foo: true } } } });
  assertObjectMatch(loop, loop);
  failure(() => assertObjectMatch(loop, { bar: { bar: { foo: false } } }));
});

Deno.test("assertObjectMatch() shows only what was asked for when it fails", () => {
  assertEquals(
    diff(
      failure(() =>
        assertObjectMatch({ foo: 1, other: 2 }, { foo: 3, more: 4 })
      ),
    ),
    "    {\n-     foo: 1,\n+     foo: 3,\n+     more: 4,\n    }\n",
  );
  failure(() => assertObjectMatch({ foo: null }, { foo: { bar: 42 } }));
  failure(() => assertObjectMatch({ foo: [1] }, { foo: [1, 2] }));
});

Deno.test("assertObjectMatch() throws a TypeError when it is given no objects", () => {
  for (const value of [null, undefined, 21, "text"]) {
    assertThrows(
      () => assertObjectMatch(value as never, { foo: 42 }),
      TypeError,
      `assertObjectMatch: a value is no object: ${value}`,
    );
  }
});
