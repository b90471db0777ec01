import { assertEquals } from "@std/assert";
import { NameIndex } from "../../../lib/state/name_index.ts";

Deno.test("NameIndex gives the ids of a name in order, until they are removed", () => {
  const index = new NameIndex();
  for (const id of ["b", "a", "b"]) index.add("name", id);
  index.add("", "nameless");
  assertEquals(index.ids("name"), ["a", "b"]);
  assertEquals(index.ids(""), []);
  index.remove("name", "b");
  index.remove("other", "a");
  assertEquals(index.ids("name"), ["a"]);
  index.remove("name", "a");
  assertEquals(index.ids("name"), []);
});
