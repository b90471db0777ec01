import { assertEquals } from "@std/assert";
import { childLineage, sourceLineage } from "../../../lib/delivery/lineage.ts";
import { sharedKeys } from "../../../lib/delivery/shared_keys.ts";
import { viewOf } from "../../fixtures/loads.ts";

/** A view of records with these keys. */
function keyed(...keys: readonly string[]) {
  return viewOf(keys.map((key) => ({
    id: {
      sourceId: "orders",
      sequenceNumber: 1,
      idempotencyKey: new TextEncoder().encode(key),
    },
  })));
}

/** Which outputs share their key, of a record with the key "a". */
function shared(lineage: number, ...outputs: readonly string[]): number[] {
  const parent = { view: keyed("x", "a"), index: 1, lineage };
  // The first output is another record's.
  const view = keyed("a", ...outputs);
  const shares = sharedKeys(parent, view, 1, 1 + outputs.length);
  return outputs.map((_, i) => i).filter((i) => shares(1 + i));
}

Deno.test("sharedKeys() finds the outputs of one record that carry the same key", () => {
  assertEquals(shared(sourceLineage, "a"), []);
  assertEquals(shared(sourceLineage, "a", "a", "a"), [0, 1, 2]);
  assertEquals(shared(sourceLineage, "a", "b", "b", "c"), [1, 2]);
  assertEquals(shared(sourceLineage, "a", "b"), []);
});

Deno.test("sharedKeys() has nothing of records without a key: they get one of their own", () => {
  assertEquals(shared(sourceLineage, "", ""), []);
});

Deno.test("sharedKeys() counts those with which the record itself shares its key", () => {
  const sharing = childLineage(sourceLineage, 7, 1, true);
  assertEquals(shared(sharing, "a"), [0]);
  assertEquals(shared(sharing, "b"), []);
  assertEquals(shared(sharing, "a", "b", "a"), [0, 2]);
});
