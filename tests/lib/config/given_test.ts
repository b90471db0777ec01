import { assertEquals } from "@std/assert";
import { given } from "../../../lib/config/given.ts";

Deno.test("given() leaves out what is undefined, and nothing else", () => {
  assertEquals(
    Object.entries(given({ a: undefined, b: 0, c: "", d: false, e: null })),
    [["b", 0], ["c", ""], ["d", false], ["e", null]],
  );
});
