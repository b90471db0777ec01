import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import {
  FlowWorld,
  order,
  orders,
  type SeenRecord,
  type Service,
  writesAll,
} from "../../fixtures/flow_world.ts";
import { batches, retries, straight } from "../../fixtures/flow_pipelines.ts";

const pendingStatus = 4;

/** A sink that takes all and makes it durable when it is flushed. */
const takes: Service = (records) => ({
  status: pendingStatus,
  results: records.map(({ id }) => ({ recordId: id, success: true })),
});

Deno.test("Flow acks what a sink has pending once it has flushed, and not before", () => {
  const world = new FlowWorld();
  world.serve("archive", takes);
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push(orders(1, 3));
  world.time.pass(100);
  assertEquals(world.sequencesOf("archive"), [[1, 2, 3]]);
  assertEquals(source.told, []);
  assertEquals(world.flow.report("orders")!.stages.get("archive")!.buffered, 3);
  assert(world.time.runUntil(() => source.told.length === 3, 200));
  assertEquals(world.flushCalls, 1);
  assertEquals(world.flow.underWay.bytes, 0);
  world.flow.close();
});

Deno.test("Flow writes again what a failed flush leaves open, with pauses that grow, and keeps its order", () => {
  for (const answer of [false, Code.Internal, Code.Unavailable]) {
    const world = new FlowWorld();
    world.serve("archive", takes, {
      flushes: [answer, answer, answer, answer, answer, answer],
    });
    world.flow.setPipeline(straight({ ...batches(2), ...retries(2, 5_000) }));
    const source = world.source();
    source.push(orders(1, 6));
    world.time.pass(4_000);
    assert(world.flushCalls <= 3, `${world.flushCalls} flushes in 4 s`);
    const { trouble } = world.flow.report("orders")!.stages.get("archive")!;
    assert(trouble !== undefined, "it says why it waits");
    assert(world.time.runUntil(() => source.told.length === 6, 60_000));
    assertEquals(world.flushCalls, 7);
    assertEquals(world.letters, [], "a flush that fails blames no record");
    assertEquals(
      world.sequencesOf("archive").flat(),
      Array.from({ length: 7 }, () => [1, 2, 3, 4, 5, 6]).flat(),
    );
    world.flow.close();
  }
});

Deno.test("Flow writes again what was pending in an instance that has lost it, in every lane", () => {
  const world = new FlowWorld();
  const held = new Set<number>();
  const durable = new Set<number>();
  const lose = (): void => {
    held.clear();
    instance.incarnation++;
  };
  const instance = world.serve("archive", (records: readonly SeenRecord[]) => {
    for (const { id } of records) held.add(Number(id.sequenceNumber));
    return takes(records);
  });
  instance.onFlush = () => {
    for (const sequence of held) durable.add(sequence);
  };
  world.flow.setPipeline(straight({ parallelism: 4 }));
  const source = world.source();
  for (let n = 1; n <= 20; n++) source.push([order(n, { partition: n })]);
  world.time.pass(50);
  assertEquals(held.size, 20);
  lose();
  // One more record comes to one lane: what the other lanes have lost is written again all the same.
  source.push([order(21, { partition: 1 })]);
  assert(world.time.runUntil(() => source.told.length === 21, 10_000));
  assertEquals(durable.size, 21);
  assertEquals(world.flow.underWay, { records: 0, bytes: 0, partitions: 20 });
  world.flow.close();
});

Deno.test("Flow writes again when the instance is lost while it flushes", () => {
  const world = new FlowWorld();
  const instance = world.serve("archive", takes);
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push(orders(1, 3));
  assert(world.time.runUntil(() => world.flushCalls === 1));
  instance.incarnation++;
  world.time.pass(5);
  assertEquals(source.told, []);
  assert(world.time.runUntil(() => source.told.length === 3, 5_000));
  assertEquals(world.callsOf("archive").length, 2);
  world.flow.close();
});

Deno.test("Flow flushes at once and waits when much is pending", () => {
  const world = new FlowWorld();
  world.serve("archive", takes);
  world.flow.setPipeline(straight());
  const source = world.source();
  for (let n = 0; n < 24; n++) source.push(orders(n * 500 + 1, n * 500 + 500));
  let most = 0;
  assert(world.time.runUntil(() => {
    const { buffered } = world.flow.report("orders")!.stages.get("archive")!;
    most = Math.max(most, buffered);
    return source.told.length === 12_000;
  }, 2_000));
  assert(world.flushCalls >= 2);
  world.flow.close();
});

Deno.test("Flow settles what a sink wrote and keeps open what it refused, where a batch is pending in part", () => {
  const world = new FlowWorld();
  let first = true;
  world.serve("archive", (records) => {
    const plan = {
      status: pendingStatus,
      results: records.map(({ id }) => ({
        recordId: id,
        success: !first || id.sequenceNumber !== 2n,
        retryable: true,
      })),
    };
    first = false;
    return plan;
  });
  world.flow.setPipeline(straight(retries(3, 10)));
  const source = world.source();
  source.push(orders(1, 3));
  assert(world.time.runUntil(() => source.told.length === 3, 1_000));
  assertEquals(world.sequencesOf("archive"), [[1, 2, 3], [2]]);
  assertEquals(world.letters, []);
  world.flow.close();
});

Deno.test("Flow writes again what was sent to an instance that was lost before it answered", () => {
  const world = new FlowWorld();
  const instance = world.serve(
    "archive",
    (records) => ({ ...takes(records), afterMs: 50 }),
  );
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push(orders(1, 3));
  assert(world.time.runUntil(() => world.callsOf("archive").length === 1));
  instance.incarnation++;
  assert(world.time.runUntil(() => source.told.length === 3, 5_000));
  assertEquals(world.sequencesOf("archive"), [[1, 2, 3], [1, 2, 3]]);
  world.flow.close();
});

Deno.test("Flow forgets why a flush failed once the sink writes without one", () => {
  const world = new FlowWorld();
  let pending = true;
  world.serve(
    "archive",
    (records) => pending ? takes(records) : writesAll(records),
    { flushes: [false] },
  );
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push(orders(1, 3));
  const trouble = () =>
    world.flow.report("orders")!.stages.get("archive")!.trouble;
  assert(world.time.runUntil(() => trouble() !== undefined, 1_000));
  pending = false;
  assert(world.time.runUntil(() => source.told.length === 3, 5_000));
  assertEquals(trouble(), undefined);
  world.flow.close();
});

Deno.test("Flow flushes what became pending while it flushed, though nothing more comes", () => {
  const world = new FlowWorld();
  world.serve("archive", (records) => ({ ...takes(records), afterMs: 0 }));
  world.flow.setPipeline(straight(batches(2, 0)));
  const source = world.source();
  source.push(orders(1, 2));
  assert(world.time.runUntil(() => world.flushCalls === 1));
  source.push(orders(3, 4));
  assert(world.time.runUntil(() => source.told.length === 4, 5_000));
  assertEquals(world.flushCalls, 2);
  world.flow.close();
});

Deno.test("Flow gives up what is being flushed with its pipeline", () => {
  const world = new FlowWorld();
  world.serve("archive", takes);
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push(orders(1, 3));
  assert(world.time.runUntil(() => world.flushCalls === 1));
  world.flow.giveUpPipeline("orders");
  assertEquals(source.outcomes(), ["Rejected", "Rejected", "Rejected"]);
  world.time.pass(100);
  assertEquals(world.flow.underWay, { records: 0, bytes: 0, partitions: 1 });
  world.flow.close();
});
