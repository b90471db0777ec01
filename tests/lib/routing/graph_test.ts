import { assert, assertEquals } from "@std/assert";
import {
  cycles,
  reachable,
  reversed,
  topologicalOrder,
} from "../../../lib/routing/graph.ts";
import { seededRandom } from "../../../lib/random.ts";

const diamond = [[1, 2], [3], [3], []];

Deno.test("reachable() finds what edges lead to, and the starts", () => {
  assertEquals([...reachable(diamond, [1])], [1, 3]);
  assertEquals([...reachable(diamond, [0])], [0, 1, 2, 3]);
  assertEquals([...reachable(diamond, [])], []);
  assertEquals([...reachable([[1], [0], [0]], [0])], [0, 1]);
});

Deno.test("reversed() turns every edge round", () => {
  assertEquals(reversed(diamond), [[], [0], [0], [1, 2]]);
});

Deno.test("topologicalOrder() puts nodes after those that lead to them", () => {
  assertEquals(topologicalOrder(diamond), [0, 1, 2, 3]);
  assertEquals(topologicalOrder([[], [0], [1]]), [2, 1, 0]);
});

Deno.test("topologicalOrder() finds none where there is a cycle", () => {
  assertEquals(topologicalOrder([[1], [2], [1]]), undefined);
  assertEquals(topologicalOrder([[0]]), undefined);
});

Deno.test("cycles() shows each cycle's nodes in order", () => {
  assertEquals(cycles(diamond), []);
  assertEquals(cycles([[1], [2], [0]]), [[0, 1, 2]]);
  assertEquals(cycles([[0]]), [[0]]);
  assertEquals(cycles([[1], [2], [3, 1], []]), [[1, 2]]);
  assertEquals(cycles([[1], [0], [3], [2, 3]]), [[0, 1], [2, 3]]);
});

Deno.test("cycles() finds one exactly where there is no topological order", () => {
  const seed = 20_261;
  const random = seededRandom(seed);
  let cyclic = 0;
  for (let round = 0; round < 500; round++) {
    const nodes = 1 + Math.floor(random() * 8);
    const next = Array.from({ length: nodes }, () =>
      Array.from(
        { length: Math.floor(random() * 3) },
        () => Math.floor(random() * nodes),
      ));
    const found = cycles(next);
    const where = `seed ${seed}, round ${round}: ${JSON.stringify(next)}`;
    assertEquals(
      found.length === 0,
      topologicalOrder(next) !== undefined,
      where,
    );
    for (const cycle of found) {
      cycle.forEach((node, i) =>
        assert(next[node]!.includes(cycle[(i + 1) % cycle.length]!), where)
      );
    }
    if (found.length > 0) cyclic++;
  }
  assert(cyclic > 50 && cyclic < 450, `${cyclic} of 500 graphs had a cycle`);
});
