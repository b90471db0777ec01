import { assertEquals } from "@std/assert";
import { parseArgs } from "@std/cli";

/** Compiles only when both types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends
  (<T>() => T extends B ? 1 : 2) ? true : false;
function sameType<_ extends true>(): void {}

Deno.test("parseArgs() types flags by the lists that name them", () => {
  const argv = parseArgs([], {
    boolean: ["foo", "nested.on"],
    string: ["bar", "neg", "many", "nested.text", "port"],
    collect: ["many", "any"],
    negatable: ["neg"],
    alias: { foo: ["f", "g"], bar: "b" },
    default: { port: 123, nested: { text: new Date(0) } },
    "--": true,
  });
  sameType<Same<typeof argv.foo, boolean>>();
  sameType<Same<typeof argv.f, boolean>>();
  sameType<Same<typeof argv.g, boolean>>();
  sameType<Same<typeof argv.bar, string | undefined>>();
  sameType<Same<typeof argv.b, string | undefined>>();
  sameType<Same<typeof argv.neg, string | false | undefined>>();
  sameType<Same<typeof argv.many, string[]>>();
  sameType<Same<typeof argv.any, unknown[]>>();
  sameType<Same<typeof argv.port, string | number>>();
  sameType<Same<typeof argv.nested.on, boolean>>();
  sameType<Same<typeof argv.nested.text, string | Date>>();
  sameType<Same<typeof argv.other, unknown>>();
  sameType<Same<typeof argv._, (string | number)[]>>();
  sameType<Same<typeof argv["--"], string[]>>();
  assertEquals(argv.many, []);
});

Deno.test("parseArgs() types every flag as any when no list names one", () => {
  const none = parseArgs([]);
  const off = parseArgs([], { boolean: false, default: { bar: 123 } });
  const all = parseArgs([], { boolean: true });
  // deno-lint-ignore no-explicit-any -- the type that is meant
  sameType<Same<typeof none.foo, any>>();
  // deno-lint-ignore no-explicit-any -- the type that is meant
  sameType<Same<typeof off.bar, any>>();
  sameType<Same<typeof all.foo, unknown>>();
  assertEquals(none.foo, undefined);
});
