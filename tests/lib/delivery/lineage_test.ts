import { assert, assertEquals } from "@std/assert";
import {
  childLineage,
  hashOfNames,
  sharesKey,
  sourceLineage,
} from "../../../lib/delivery/lineage.ts";

Deno.test("childLineage() is the same for what is made again in the same way", () => {
  const stage = hashOfNames("pipeline", "split");
  assertEquals(
    childLineage(sourceLineage, stage, 3),
    childLineage(sourceLineage, stage, 3),
  );
});

Deno.test("childLineage() never gives two outputs of one record the same lineage", () => {
  for (const parent of [sourceLineage, 1, 2 ** 32 + 7, 2 ** 53 - 1]) {
    const seen = new Set<number>();
    for (let place = 0; place < 20_000; place++) {
      const lineage = childLineage(parent, hashOfNames("a"), place);
      assert(Number.isSafeInteger(lineage) && lineage >= 0, `${lineage}`);
      seen.add(lineage);
    }
    assertEquals(seen.size, 20_000);
  }
});

Deno.test("childLineage() differs by stage and over stages", () => {
  const [one, other] = [hashOfNames("p", "one"), hashOfNames("p", "other")];
  const both = childLineage(childLineage(0, one, 0), other, 0);
  const turned = childLineage(childLineage(0, other, 0), one, 0);
  assertEquals(
    new Set([childLineage(0, one, 0), childLineage(0, other, 0), both, turned])
      .size,
    4,
  );
});

Deno.test("hashOfNames() takes no two lists of names for one another", () => {
  assertEquals(
    new Set([
      hashOfNames("ab", "c"),
      hashOfNames("a", "bc"),
      hashOfNames("abc"),
      hashOfNames("abc", ""),
    ]).size,
    4,
  );
});

Deno.test("childLineage() says whether a key is shared, and hands it on", () => {
  const stage = hashOfNames("a");
  assert(!sharesKey(sourceLineage));
  const seen = new Set<number>();
  for (let place = 0; place < 1_000; place++) {
    for (const sharing of [true, false]) {
      const lineage = childLineage(sourceLineage, stage, place, sharing);
      assert(Number.isSafeInteger(lineage), `${lineage}`);
      assertEquals(sharesKey(lineage), sharing);
      assertEquals(sharesKey(childLineage(lineage, stage, 0)), sharing);
      seen.add(lineage);
    }
  }
  assertEquals(seen.size, 2_000);
});
