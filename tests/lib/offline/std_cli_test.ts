import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli";
import { parseArgs as fromOwnEntry } from "@std/cli/parse-args";

/** Collects what `unknown` is told, and leaves it out. */
function leftOut(): {
  told: unknown[];
  unknown: (arg: string, key?: string, value?: unknown) => boolean;
} {
  const told: unknown[] = [];
  return {
    told,
    unknown: (arg, key, value) => {
      told.push(key === undefined ? [arg] : [arg, key, value]);
      return false;
    },
  };
}

Deno.test("parseArgs() is exported from both entries", () => {
  assertEquals(fromOwnEntry, parseArgs);
});

Deno.test("parseArgs() reads the documented example", () => {
  assertEquals(
    parseArgs([
      "--foo",
      "--bar=baz",
      "./quux.txt",
    ]),
    { foo: true, bar: "baz", _: ["./quux.txt"] },
  );
  assertEquals(
    parseArgs(
      "-x 3 -y 4 -n5 -abc --beep=boop foo bar baz".split(" "),
    ),
    {
      x: 3,
      y: 4,
      n: 5,
      a: true,
      b: true,
      c: true,
      beep: "boop",
      _: ["foo", "bar", "baz"],
    },
  );
});

Deno.test("parseArgs() turns what looks like a number into one", () => {
  assertEquals(
    parseArgs([
      ..."-x 1234 -y 5.67 -z 1e7 -w 10f --hex 0xdeadbeef --s=.5".split(" "),
      ...["789", "1.2.3"],
    ]),
    {
      x: 1234,
      y: 5.67,
      z: 1e7,
      w: "10f",
      hex: 0xdeadbeef,
      s: 0.5,
      _: [789, "1.2.3"],
    },
  );
});

Deno.test("parseArgs() takes values inside a group of short flags", () => {
  const cases: [arg: string, flags: Record<string, unknown>][] = [
    ["-cats", { c: true, a: true, t: true, s: true }],
    ["-b=123", { b: 123 }],
    ["-f=abc=def", { f: "abc=def" }],
    ["-e==", { e: "=" }],
    ["-n123", { n: 123 }],
    ["-I/foo/bar", { I: "/foo/bar" }],
    ["-xyz/foo", { x: true, y: true, z: "/foo" }],
    ["-f-", { f: "-" }],
  ];
  for (const [arg, flags] of cases) {
    assertEquals(parseArgs([arg]), { ...flags, _: [] }, arg);
  }
  assertEquals(parseArgs(["-123", "456"]), { 1: true, 2: true, 3: 456, _: [] });
  assertEquals(parseArgs(["-fp", "555", "a.js"]), {
    f: true,
    p: 555,
    _: ["a.js"],
  });
});

Deno.test("parseArgs() takes a lone hyphen as a value or an argument", () => {
  assertEquals(parseArgs(["-n", "-"]), { n: "-", _: [] });
  assertEquals(parseArgs(["--name", "-"]), { name: "-", _: [] });
  assertEquals(parseArgs(["-"]), { _: ["-"] });
  assertEquals(parseArgs(["-b", "-"], { boolean: "b" }), { b: true, _: ["-"] });
});

Deno.test("parseArgs() keeps white space, newlines and empty values", () => {
  assertEquals(parseArgs(["-s", "X\nX", "--t=X\nX", "-u", "\t", "--v="]), {
    s: "X\nX",
    t: "X\nX",
    u: "\t",
    v: "",
    _: [],
  });
});

Deno.test("parseArgs() takes no value for a flag in boolean", () => {
  assertEquals(
    parseArgs(["-x", "-z", "one", "two"], { boolean: ["x", "y", "z"] }),
    { x: true, y: false, z: true, _: ["one", "two"] },
  );
});

Deno.test("parseArgs() reads true and false behind a flag in boolean", () => {
  assertEquals(
    parseArgs(
      ["--verbose", "false", "moo", "-t", "true", "--on=false", "--off=no"],
      { boolean: ["t", "verbose", "on", "off"], default: { verbose: true } },
    ),
    { verbose: false, t: true, on: false, off: true, _: ["moo"] },
  );
  assertEquals(parseArgs(["-t", "false123"], { boolean: ["t"] }), {
    t: true,
    _: ["false123"],
  });
  assertEquals(parseArgs(["--other=true"]).other, "true");
});

Deno.test("parseArgs() takes every long flag without = as boolean when boolean is true", () => {
  assertEquals(
    parseArgs(["moo", "--honk", "cow", "-p", "55", "--tacos=good"], {
      boolean: true,
    }),
    { honk: true, tacos: "good", p: 55, _: ["moo", "cow"] },
  );
});

Deno.test("parseArgs() leaves values of flags in string as they are", () => {
  assertEquals(parseArgs(["-s", "0001234"], { string: "s" }).s, "0001234");
  assertEquals(parseArgs(["56", " "], { string: "_" })._, ["56", " "]);
});

Deno.test("parseArgs() gives a flag in string the empty string when it has no value", () => {
  assertEquals(parseArgs(["-art", "--str"], { string: ["a", "t", "str"] }), {
    a: "",
    r: true,
    t: "",
    str: "",
    _: [],
  });
  assertEquals("s" in parseArgs([], { string: "s" }), false);
});

Deno.test("parseArgs() keeps the last value, or all of a flag in collect", () => {
  assertEquals(
    parseArgs(
      "--foo bar --foo baz --beep boop --bib --bib --bab --bab".split(" "),
      { collect: ["beep", "bib", "none"] },
    ),
    {
      foo: "baz",
      beep: ["boop"],
      bib: [true, true],
      bab: true,
      none: [],
      _: [],
    },
  );
  assertEquals(
    parseArgs(["--n", "1", "--n=2", "--b"], {
      string: ["n"],
      boolean: ["b", "c"],
      collect: ["n", "b", "c"],
    }),
    { n: ["1", "2"], b: [true], c: [], _: [] },
  );
});

Deno.test("parseArgs() replaces the default of a flag in collect", () => {
  const options = {
    collect: ["foo"],
    default: { foo: ["bar", "baz"] },
  } as const;
  assertEquals(parseArgs([], options).foo, ["bar", "baz"]);
  assertEquals(parseArgs(["--foo", "own"], options).foo, ["own"]);
});

Deno.test("parseArgs() negates only flags in negatable", () => {
  const options = { boolean: ["foo"], negatable: ["foo"] } as const;
  assertEquals(parseArgs(["--foo", "--no-foo"], options).foo, false);
  assertEquals(parseArgs(["--no-foo", "--foo"], options).foo, true);
  assertEquals(parseArgs(["--no-foo", "123"], options), {
    foo: false,
    _: [123],
  });
  assertEquals(parseArgs(["--no-moo"]), { "no-moo": true, _: [] });
});

Deno.test("parseArgs() negates all values of a flag in collect", () => {
  const options = {
    string: ["foo"],
    collect: ["foo"],
    negatable: ["foo"],
    alias: { foo: "f" },
  } as const;
  assertEquals(
    parseArgs(["--foo", "123", "-f", "456", "--no-foo"], options),
    { foo: false, f: false, _: [] },
  );
});

Deno.test("parseArgs() sets all names of a flag in alias", () => {
  const options = { boolean: "h", alias: { h: ["herp", "harp"] } } as const;
  for (const arg of ["-h", "--herp", "--harp"]) {
    assertEquals(
      parseArgs([arg, "derp"], options),
      { h: true, herp: true, harp: true, _: ["derp"] },
      arg,
    );
  }
  assertEquals(
    parseArgs(["--str", "000123"], { string: "s", alias: { s: "str" } }),
    { s: "000123", str: "000123", _: [] },
  );
  assertEquals(
    parseArgs(["--header", "abc", "-H", "def"], {
      collect: ["header"],
      alias: { H: "header" },
    }).header,
    ["abc", "def"],
  );
});

Deno.test("parseArgs() applies defaults to all names, and not to what is given", () => {
  const options = {
    boolean: ["quiet", "maybe"],
    default: { port: 8080, quiet: true, maybe: null },
    alias: { port: "p" },
  };
  assertEquals(parseArgs([], options), {
    port: 8080,
    p: 8080,
    quiet: true,
    maybe: null,
    _: [],
  });
  assertEquals(parseArgs(["-p", "1", "--maybe", "--quiet=false"], options), {
    port: 1,
    p: 1,
    quiet: false,
    maybe: true,
    _: [],
  });
});

Deno.test("parseArgs() nests names with dots", () => {
  const defaults = { "a.b": 11, foo: { bar: 3 } };
  const argv = parseArgs(["--beep.boop", "--beep.size", "5"], {
    boolean: ["foo.on"],
    default: defaults,
    alias: { "a.b": "aa.bb" },
  });
  assertEquals<unknown>(argv, {
    a: { b: 11 },
    aa: { bb: 11 },
    foo: { bar: 3, on: false },
    beep: { boop: true, size: 5 },
    _: [],
  });
  assertEquals(defaults.foo, { bar: 3 });
});

Deno.test("parseArgs() stops at the first argument when stopEarly is set", () => {
  assertEquals(
    parseArgs(["--aaa", "bbb", "ccc", "--ddd", "5"], { stopEarly: true }),
    { aaa: "bbb", _: ["ccc", "--ddd", "5"] },
  );
});

Deno.test("parseArgs() reads nothing behind --", () => {
  const args = ["--name", "John", "before", "--", "after", "--not-a-flag", "7"];
  assertEquals(parseArgs(args), {
    name: "John",
    _: ["before", "after", "--not-a-flag", "7"],
  });
  assertEquals(parseArgs(args, { "--": true }), {
    name: "John",
    _: ["before"],
    "--": ["after", "--not-a-flag", "7"],
  });
  assertEquals(parseArgs(["--a", "--", "b"]), { a: true, _: ["b"] });
});

Deno.test("parseArgs() asks unknown about what boolean, string and alias do not name", () => {
  const { told, unknown } = leftOut();
  assertEquals(
    parseArgs(
      [
        "-h",
        "hi",
        "--derp",
        "true",
        "-d",
        "5",
        "cow",
        "--b",
        "--bad",
        "--",
        "x",
      ],
      { alias: { h: "herp" }, string: "s", boolean: "b", "--": true, unknown },
    ),
    { h: "hi", herp: "hi", b: true, _: [], "--": ["x"] },
  );
  assertEquals(told, [
    ["--derp", "derp", "true"],
    ["-d", "d", "5"],
    ["cow"],
    ["--bad", "bad", true],
  ]);
});

Deno.test("parseArgs() asks unknown about all but bare long flags when boolean is true", () => {
  const { told, unknown } = leftOut();
  assertEquals(
    parseArgs(["--honk", "--tacos=good", "cow", "-p", "55"], {
      boolean: true,
      unknown,
    }),
    { honk: true, _: [] },
  );
  assertEquals(told, [
    ["--tacos=good", "tacos", "good"],
    ["cow"],
    ["-p", "p", "55"],
  ]);
});

Deno.test("parseArgs() keeps what unknown does not answer with false", () => {
  assertEquals(
    parseArgs(["--a", "1", "b"], { unknown: () => undefined }),
    { a: 1, _: ["b"] },
  );
});

Deno.test("parseArgs() takes names of Object.prototype for flags like any other", () => {
  const argv = parseArgs([
    "--toString",
    "--valueOf",
    "foo",
    "--__proto__.polluted",
    "1",
    "--constructor.prototype.polluted",
    "2",
  ]);
  assertEquals(Object.entries(argv).slice(0, 3), [
    ["_", []],
    ["toString", true],
    ["valueOf", "foo"],
  ]);
  assertEquals(Object.getPrototypeOf(argv), Object.prototype);
  assertEquals(Reflect.get({}, "polluted"), undefined);
});
