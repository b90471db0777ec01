import { equal } from "@std/assert";

/** Not by an assertion: those stand on what is tested here. */
function check(a: unknown, b: unknown, expected: boolean): void {
  for (const [x, y] of [[a, b], [b, a]]) {
    if (equal(x, y) !== expected) {
      throw new Error(
        `Cannot be: ${Deno.inspect(x)} and ${Deno.inspect(y)} are ${
          expected ? "unequal" : "equal"
        }`,
      );
    }
  }
}

function same(...pairs: [a: unknown, b: unknown][]): void {
  for (const [a, b] of pairs) check(a, b, true);
}

function different(...pairs: [a: unknown, b: unknown][]): void {
  for (const [a, b] of pairs) check(a, b, false);
}

Deno.test("equal() compares primitives by value, NaN to NaN and 0 to -0", () => {
  const symbol = Symbol("a");
  same(
    [5, 5],
    ["a", "a"],
    [5n, 5n],
    [NaN, NaN],
    [0, -0],
    [[0], [-0]],
    [{ a: 0 }, { a: -0 }],
    [null, null],
    [symbol, symbol],
    [Symbol.for("a"), Symbol.for("a")],
  );
  different(
    [5, 6],
    [5, 5n],
    [1, "1"],
    [1, true],
    [2n ** 63n, 2n ** 63n + 1n],
    [null, undefined],
    [null, {}],
    [Symbol("a"), Symbol("a")],
    [() => 1, () => 1],
  );
});

Deno.test("equal() compares objects by their properties, undefined and symbols included", () => {
  const key = Symbol("key");
  same(
    [{ a: 1, b: { c: 2 } }, { b: { c: 2 }, a: 1 }],
    [{ [key]: 1 }, { [key]: 1 }],
    [[1, [2, 3]], [1, [2, 3]]],
    [{ constructor: { x: 1 } }, { constructor: { x: 1 } }],
  );
  different(
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { b: 1 }],
    [{ a: undefined }, {}],
    [{ a: undefined, b: undefined }, { a: undefined, c: undefined }],
    [{ [key]: 1 }, { [key]: 2 }],
    [{ [Symbol("key")]: 1 }, { [Symbol("key")]: 1 }],
    [[1, 2, 3], [1, 2]],
    [[1, 2], [2, 1]],
    [[1], [1, ,]],
    [[], {}],
  );
});

Deno.test("equal() tells classes apart, but not a plain object from one without prototype", () => {
  class A {
    x = 1;
  }
  class B {
    x = 1;
  }
  same(
    [new A(), new A()],
    [Object.assign(Object.create(null), { x: 1 }), { x: 1 }],
    [Object.setPrototypeOf({ x: 1 }, A.prototype), new A()],
  );
  different(
    [new A(), new B()],
    [new A(), { x: 1 }],
    [new A(), { x: 1, constructor: A }],
    [new A(), Object.assign(Object.create(null), { x: 1 })],
  );
});

Deno.test("equal() sees what instances show by accessors and hidden symbols", () => {
  class Hidden {
    readonly #value: number;
    constructor(value: number) {
      this.#value = value;
    }
    get value(): number {
      return this.#value;
    }
  }
  same(
    [new Hidden(1), new Hidden(1)],
    [new URLSearchParams("a=1"), new URLSearchParams("a=1")],
    [new Intl.Locale("es-MX"), new Intl.Locale("es-MX")],
    [new DataView(new ArrayBuffer(2)), new DataView(new ArrayBuffer(2))],
  );
  different(
    [new Hidden(1), new Hidden(2)],
    [new URLSearchParams("a=1"), new URLSearchParams("a=2")],
    [new Intl.Locale("es-MX"), new Intl.Locale("pt-BR")],
    [
      new DataView(new Uint8Array([1]).buffer),
      new DataView(new Uint8Array([2]).buffer),
    ],
  );
});

Deno.test("equal() compares dates, patterns, URLs and errors by what they say", () => {
  same(
    [new Date(5), new Date(5)],
    [new Date("none"), new Date("none")],
    [/a+/gi, /a+/gi],
    [new URL("https://a.test"), new URL("https://a.test/")],
    [new Error("a", { cause: 1 }), new Error("a", { cause: 1 })],
  );
  different(
    [new Date(5), new Date(6)],
    [new Date("none"), new Date(5)],
    [/a+/g, /a+/i],
    [/a/, /b/],
    [new URL("https://a.test"), new URL("https://a.test/b")],
    [new Error("a"), new Error("b")],
    [new Error("a", { cause: 1 }), new Error("a", { cause: 2 })],
    [new Error("a"), new TypeError("a")],
  );
});

Deno.test("equal() compares bytes and typed arrays by type and element", () => {
  same(
    [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
    [new Uint8Array([0, 1, 2]).subarray(1), new Uint8Array([1, 2])],
    [new Float64Array([NaN, 0]), new Float64Array([NaN, -0])],
    [new BigUint64Array([2n ** 63n]), new BigUint64Array([2n ** 63n])],
    [new Uint8Array([1]).buffer, new Uint8Array([1]).buffer],
    [new SharedArrayBuffer(1), new SharedArrayBuffer(1)],
  );
  different(
    [new Uint8Array([1, 2]), new Uint8Array([2, 1])],
    [new Uint8Array([0]), new Uint8Array([0, 0])],
    [new Uint8Array([1]), new Int8Array([1])],
    [new Uint8Array([1]), [1]],
    [new Uint8Array([1]).buffer, new Uint8Array([2]).buffer],
    [new ArrayBuffer(1), new SharedArrayBuffer(1)],
  );
});

Deno.test("equal() compares sets without regard to order, in depth", () => {
  const symbol = Symbol();
  same(
    [new Set([1, 2, 3]), new Set([3, 2, 1])],
    [new Set([1, new Set([2, 3])]), new Set([new Set([3, 2]), 1])],
    [new Set([{ b: 2 }, { a: 1 }]), new Set([{ a: 1 }, { b: 2 }])],
    [new Set([symbol, "a"]), new Set(["a", symbol])],
    [new Set([{ a: 1 }, { a: 1 }]), new Set([{ a: 1 }, { a: 1 }])],
  );
  different(
    [new Set([1, 2]), new Set([1, 3])],
    [new Set([1, 2]), new Set([1, 2, 3])],
    [new Set([{ a: 1 }, { a: 1 }]), new Set([{ a: 1 }, { a: 2 }])],
    [new Set([Symbol()]), new Set([Symbol()])],
    [new Set([1]), new Set(["1"])],
    [new Set([1]), new Map([[1, 1]])],
  );
});

Deno.test("equal() compares maps without regard to order, keys and values in depth", () => {
  const map = (...entries: [unknown, unknown][]) => new Map(entries);
  same(
    [map(["a", 1], ["b", 2]), map(["b", 2], ["a", 1])],
    [map(["a", map(["b", "c"])]), map(["a", map(["b", "c"])])],
    [map([{ b: 2 }, 2], [{ a: 1 }, 1]), map([{ a: 1 }, 1], [{ b: 2 }, 2])],
    [map([{ a: 1 }, 1], [{ a: 1 }, 2]), map([{ a: 1 }, 2], [{ a: 1 }, 1])],
  );
  different(
    [map(["a", 1]), map(["a", 2])],
    [map(["a", 1]), map(["b", 1])],
    [map(["a", 1]), map(["a", 1], ["b", 2])],
    [map(["a", undefined]), map(["b", undefined])],
    [map([{ x: 1 }, true]), map([{ x: 1 }, false])],
    [map([{ x: 1 }, true]), map([{ x: 2 }, true])],
  );
});

Deno.test("equal() compares large sets and maps of primitives without trying every pair", () => {
  const numbers = Array.from({ length: 100_000 }, (_, i) => i);
  const reversed = numbers.toReversed();
  const entries = (list: number[]) => list.map((n) => [n, { n }] as const);
  same(
    [new Set(numbers), new Set(reversed)],
    [new Map(entries(numbers)), new Map(entries(reversed))],
  );
  different(
    [new Set(numbers), new Set(reversed.with(-1, -1))],
    [new Map(entries(numbers)), new Map(entries(reversed.with(-1, -1)))],
  );
});

Deno.test("equal() ends on values that hold themselves", () => {
  interface Node {
    self?: unknown;
    value?: number;
  }
  const loop = (value: number): Node => {
    const node: Node = { value };
    node.self = { inner: [node] };
    return node;
  };
  const map = (value: number) => {
    const own = new Map<string, unknown>([["value", value]]);
    return own.set("self", own);
  };
  const set = (value: number) => {
    const own = new Set<unknown>([value]);
    return own.add({ own });
  };
  same([loop(1), loop(1)], [map(1), map(1)], [set(1), set(1)]);
  different([loop(1), loop(2)], [map(1), map(2)], [set(1), set(2)]);
});

Deno.test("equal() follows weak references, and refuses weak maps and sets", () => {
  same([new WeakRef({ a: 1 }), new WeakRef({ a: 1 })]);
  different(
    [new WeakRef({ a: 1 }), new WeakRef({ a: 2 })],
    [new WeakRef({ a: 1 }), { a: 1 }],
    [new WeakMap(), new WeakSet()],
    [new WeakMap(), { constructor: WeakMap }],
  );
  for (const make of [() => new WeakMap(), () => new WeakSet()]) {
    let thrown: unknown;
    try {
      equal(make(), make());
    } catch (error) {
      thrown = error;
    }
    if (!(thrown instanceof TypeError)) throw new Error("Cannot be: no error");
  }
});
