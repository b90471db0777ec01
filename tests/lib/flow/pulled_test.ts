import { assert, assertEquals, assertFalse } from "@std/assert";
import { straight } from "../../fixtures/flow_pipelines.ts";
import { FlowWorld, orders, writesAll } from "../../fixtures/flow_world.ts";

const pulled = { sourceId: "orders", batchRecords: 100 };

Deno.test("Flow takes what it pulls without credit, and grants none", () => {
  const world = new FlowWorld({ creditWindowRecords: 10 });
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  const source = world.source(pulled);
  source.push(orders(1, 100));
  assert(world.time.runUntil(() => source.told.length === 100, 1_000));
  assertEquals(source.outcomes(), Array(100).fill("Accepted"));
  assertEquals(source.credits, 0);
  world.flow.close();
});

Deno.test("Flow asks for a pulled batch only when there is room for all of it", () => {
  const world = new FlowWorld({ sourceRecordsMax: 150 });
  world.serve("archive", (records) => ({ ...writesAll(records), afterMs: 50 }));
  world.flow.setPipeline(straight());
  const source = world.source(pulled);
  assert(source.session.mayRead);
  source.push(orders(1, 60));
  assertFalse(source.session.mayRead);
  assert(world.time.runUntil(() => source.readableCalls === 1, 1_000));
  assert(source.session.mayRead);
  world.flow.close();
});

Deno.test("Flow takes nothing of a pulled batch behind a record that it cannot take, and commits no offset past it", () => {
  const world = new FlowWorld({ sourceRecordsMax: 100, refusedHoldMs: 1 });
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  const source = world.source(pulled);
  source.push([
    ...orders(1, 100),
    ...orders(101, 110),
    ...orders(1, 5, { partition: 1 }),
  ]);
  assert(world.time.runUntil(() => source.told.length === 115, 1_000));
  world.time.pass(100_000);
  assertEquals(
    source.outcomes().filter((each) => each === "Rejected").length,
    15,
  );
  assertEquals([...world.committed], [["orders/0", 100n]]);
  // Asked for again from the offset on, all of it is new.
  const again = world.source(pulled);
  again.push([...orders(101, 110), ...orders(1, 5, { partition: 1 })]);
  assert(world.time.runUntil(() => again.told.length === 15, 1_000));
  assertEquals(again.outcomes(), Array(15).fill("Accepted"));
  world.flow.close();
});

Deno.test("Flow refuses what a source that it pulls from sends of another one", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  const source = world.source({ ...pulled, sourceId: "others" });
  source.push(orders(1, 2));
  assertEquals(source.told.map(({ reason }) => reason), [
    "ForeignSource",
    "ForeignSource",
  ]);
  assertEquals(world.callsOf("archive"), []);
  world.flow.close();
});
