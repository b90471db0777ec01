import { assertEquals, assertRejects } from "@std/assert";
import { UnderWay } from "../../../lib/router/under_way.ts";

Deno.test("UnderWay counts the records of each instance, and forgets one without", () => {
  const underWay = new UnderWay();
  underWay.start("a", 3);
  underWay.start("a", 2);
  underWay.start("b", 1);
  underWay.end("a", 3);
  assertEquals([underWay.of("a"), underWay.of("b")], [2, 1]);
  underWay.end("a", 2);
  assertEquals([underWay.of("a"), underWay.of("nobody")], [0, 0]);
});

Deno.test("UnderWay.none() waits for the last record, or until nobody waits", async () => {
  const underWay = new UnderWay();
  const { signal } = new AbortController();
  await underWay.none("a", signal);
  underWay.start("a", 1);
  underWay.start("a", 1);
  let told = 0;
  const waiting = [1, 2].map(() =>
    underWay.none("a", signal).then(() => told++)
  );
  underWay.end("a", 1);
  await Promise.resolve();
  assertEquals(told, 0);
  underWay.end("a", 1);
  await Promise.all(waiting);
  underWay.start("a", 1);
  await assertRejects(() => underWay.none("a", AbortSignal.abort()));
});
