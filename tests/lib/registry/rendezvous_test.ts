import { assert, assertEquals } from "@std/assert";
import {
  chooseByRendezvous,
  hashPair,
  hashText,
} from "../../../lib/registry/rendezvous.ts";

const nodes = Array.from({ length: 10 }, (_, i) => ({
  id: `node-${i}`,
  hash: hashText(`node-${i}`),
}));
const keys = Array.from({ length: 10_000 }, (_, i) => hashText(`key-${i}`));

Deno.test("hashText() and hashPair() are what they always were, since nodes must agree", () => {
  assertEquals(
    ["", "a", "orders", "ä😀"].map(hashText),
    [2872998923, 2448022055, 3502484104, 977963732],
  );
  assertEquals([hashPair(0, 0), hashPair(1, 2), hashPair(2, 1)], [
    0,
    1769966577,
    2420174149,
  ]);
});

Deno.test("chooseByRendezvous() spreads keys evenly", () => {
  const counts = new Map<string, number>();
  for (const key of keys) {
    const { id } = chooseByRendezvous(key, nodes)!;
    counts.set(id, (counts.get(id) ?? 0) + 1);
  }
  for (const count of counts.values()) assert(count > 850 && count < 1_150);
  assertEquals(counts.size, nodes.length);
});

Deno.test("chooseByRendezvous() moves only the keys of a candidate that goes", () => {
  const fewer = nodes.filter((_, i) => i !== 4);
  for (const key of keys) {
    const before = chooseByRendezvous(key, nodes)!;
    const after = chooseByRendezvous(key, fewer)!;
    if (before !== nodes[4]) assertEquals(after, before);
  }
});

Deno.test("chooseByRendezvous() takes the earlier of equals, and none of none", () => {
  const twins = [{ hash: 7, id: "a" }, { hash: 7, id: "b" }];
  assertEquals(chooseByRendezvous(1, twins)?.id, "a");
  assertEquals(chooseByRendezvous(1, []), undefined);
});
