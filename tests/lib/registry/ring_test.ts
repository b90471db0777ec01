import { assert, assertEquals } from "@std/assert";
import { hashText } from "../../../lib/registry/rendezvous.ts";
import { Ring } from "../../../lib/registry/ring.ts";

const members = Array.from({ length: 5 }, (_, i) => ({
  id: `instance-${i}`,
  weight: 1,
}));
const keys = Array.from({ length: 10_000 }, (_, i) => hashText(`key-${i}`));

Deno.test("Ring.at() has every key at one member, whatever the order they are given in", () => {
  const ring = new Ring(members);
  const other = new Ring(members.toReversed());
  for (const key of [0, 0xffff_ffff, ...keys]) {
    assertEquals(ring.at(key), other.at(key));
  }
  assertEquals(new Ring([]).at(1), undefined);
});

Deno.test("Ring moves only the keys of the member that goes", () => {
  const ring = new Ring(members);
  const fewer = new Ring(members.slice(1));
  let moved = 0;
  for (const key of keys) {
    const before = ring.at(key)!;
    if (before === members[0]) moved++;
    else assertEquals(fewer.at(key), before);
  }
  assert(moved > 1_200 && moved < 2_800, `${moved} of 10000 moved`);
});

Deno.test("Ring gives members keys in proportion to their weight", () => {
  const ring = new Ring([{ id: "a", weight: 3 }, { id: "b", weight: 0 }]);
  const share = keys.filter((key) => ring.at(key)?.id === "a").length / 10_000;
  assert(share > 0.65 && share < 0.85, `${share}`);
});
