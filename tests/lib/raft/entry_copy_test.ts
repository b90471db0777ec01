import { assertEquals } from "@std/assert";
import { copyEntries, numberEntries } from "../../../lib/raft/entry_copy.ts";
import { entry } from "../../fixtures/raft_network.ts";

Deno.test("copyEntries() keeps no buffer of the caller", () => {
  const given = [entry(1, 5, "ab"), entry(2, 6), entry(2, 7, "c")];
  const copies = copyEntries(given);
  assertEquals(copies, given);
  for (const { data } of given) data.fill(0);
  assertEquals(copies, [entry(1, 5, "ab"), entry(2, 6), entry(2, 7, "c")]);
});

Deno.test("numberEntries() gives term and index, and keeps no buffer of the caller", () => {
  const given = [entry(0, 0, "ab"), entry(0, 0, "c", "confChange")];
  const numbered = numberEntries(given, 3, 8);
  for (const { data } of given) data.fill(0);
  assertEquals(numbered, [entry(3, 8, "ab"), entry(3, 9, "c", "confChange")]);
});
