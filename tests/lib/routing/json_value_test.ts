import { assertEquals } from "@std/assert";
import { jsonValue } from "../../../lib/routing/json_value.ts";

function parse(text: string): ReturnType<typeof jsonValue> {
  return jsonValue(new TextEncoder().encode(text));
}

Deno.test("jsonValue() reads every kind of JSON, objects as maps, and counts values", () => {
  assertEquals(parse('{"a": [1, "x", null, true], "b": {}}'), {
    value: new Map<string, unknown>([["a", [1, "x", null, true]], [
      "b",
      new Map(),
    ]]),
    count: 7,
  } as ReturnType<typeof jsonValue>);
  for (const text of ["1", "-2.5e3", '"x"', "true", "false", "null", " \n[]"]) {
    assertEquals(parse(text)?.count, 1, text);
  }
});

Deno.test("jsonValue() takes keys that mean something to JavaScript for plain keys", () => {
  const value = parse('{"constructor": 1, "__proto__": {"x": 2}}')?.value;
  assertEquals(
    value,
    new Map<string, unknown>([["constructor", 1], [
      "__proto__",
      new Map([["x", 2]]),
    ]]) as typeof value,
  );
});

Deno.test("jsonValue() is undefined for what is not JSON", () => {
  for (const text of ["", " ", "hello", "{", "[1,]", "nul", "{'a':1}", "1 2"]) {
    assertEquals(parse(text), undefined, text);
  }
  assertEquals(jsonValue(Uint8Array.of(0x22, 0xff, 0x22)), undefined);
  assertEquals(jsonValue(Uint8Array.of(0, 1, 2)), undefined);
});

Deno.test("jsonValue() is undefined for what is nested too deep to be read", () => {
  assertEquals(parse("[".repeat(300_000) + "]".repeat(300_000)), undefined);
});
