import { assertEquals } from "@std/assert";
import { pairKey, pairOf, pairPrefix } from "../../../lib/state/pair_key.ts";

const ids = ["", "a", "a/b", "/", ":", "1:a/", "ä😀", "a\n"];

Deno.test("pairKey() is another for every pair, and pairOf() gives the pair back", () => {
  const keys = new Set<string>();
  for (const first of ids) {
    for (const second of ids) {
      const key = pairKey(first, second);
      keys.add(key);
      assertEquals(pairOf(key), [first, second]);
    }
  }
  assertEquals(keys.size, ids.length ** 2);
});

Deno.test("pairPrefix() is of the pairs with that first id only", () => {
  for (const first of ids) {
    for (const other of ids) {
      assertEquals(
        pairKey(other, "/:x").startsWith(pairPrefix(first)),
        first === other,
      );
    }
  }
});
