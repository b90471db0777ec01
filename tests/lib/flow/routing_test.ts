import { assert, assertEquals } from "@std/assert";
import {
  FlowWorld,
  order,
  orders,
  passesOn,
  type SeenRecord,
  writesAll,
} from "../../fixtures/flow_world.ts";
import { edge, rule, stage, validPipeline } from "../../fixtures/pipelines.ts";
import { batches, straight, through } from "../../fixtures/flow_pipelines.ts";

const encoder = new TextEncoder();
const json = (value: unknown): Uint8Array =>
  encoder.encode(JSON.stringify(value));

/** The sequence numbers that a sink got, sorted. */
function got(world: FlowWorld, sink: string): number[] {
  return world.sequencesOf(sink).flat().sort((a, b) => a - b);
}

Deno.test("Flow sends a record along every edge whose condition holds, and acks it when each sink has it", () => {
  const world = new FlowWorld();
  for (const sink of ["all", "late", "vip"]) world.serve(sink, writesAll);
  world.stop("vip");
  world.flow.setPipeline(validPipeline({
    stages: [
      stage("orders", "source"),
      stage("all", "sink"),
      stage("late", "sink"),
      stage("vip", "sink"),
    ],
    edges: [
      edge("orders", "all"),
      edge("orders", "late", { expression: "record.payload.delay > 15" }),
      edge("orders", "vip", {
        metadataMatch: { key: "customer", pattern: "gold-*" },
      }),
    ],
  }));
  const source = world.source();
  source.push(Array.from({ length: 12 }, (_, n) =>
    order(n + 1, {
      payload: n === 11 ? encoder.encode("no json") : json({ delay: n * 3 }),
      metadata: n % 4 === 0 ? { customer: `gold-${n}` } : {},
    })));
  world.time.pass(100);
  assertEquals(got(world, "all").length, 12);
  assertEquals(got(world, "late"), [7, 8, 9, 10, 11]);
  assertEquals(
    source.told.map(({ sequence }) => sequence).sort((a, b) => a - b),
    [
      2,
      3,
      4,
      6,
      7,
      8,
      10,
      11,
      12,
    ],
  );
  assertEquals(world.flow.counters.conditionFailures, 1);
  world.serve("vip", writesAll);
  world.flow.servicesChanged();
  world.time.pass(10);
  assertEquals(got(world, "vip"), [1, 5, 9]);
  assertEquals(source.told.length, 12);
  assertEquals(world.flow.underWay.bytes, 0);
  world.flow.close();
});

Deno.test("Flow sends a record where the first rule that matches says, by priority", () => {
  const world = new FlowWorld();
  for (const sink of ["big", "eu", "rest"]) world.serve(sink, writesAll);
  world.flow.setPipeline(validPipeline({
    stages: [
      stage("orders", "source", {
        routingRules: [
          rule(1, ["rest"]),
          rule(9, ["big", "eu"], { recordType: "order.big.*" }),
          rule(5, ["eu"], { recordType: "*.eu" }),
        ],
      }),
      stage("big", "sink"),
      stage("eu", "sink"),
      stage("rest", "sink"),
    ],
    edges: ["big", "eu", "rest"].map((sink) => edge("orders", sink)),
  }));
  const source = world.source();
  source.push([
    order(1, { recordType: "order.big.eu" }),
    order(2, { recordType: "order.eu" }),
    order(3, { recordType: "order.us" }),
    order(4, { recordType: "order.big.us" }),
  ]);
  world.time.pass(50);
  assertEquals([got(world, "big"), got(world, "eu"), got(world, "rest")], [
    [1, 4],
    [1, 2, 4],
    [3],
  ]);
  assertEquals(source.outcomes().length, 4);
  world.flow.close();
});

Deno.test("Flow filters and counts what no edge takes on, or makes dead letters of it, as the pipeline says", () => {
  for (const unrouted of [0, 1]) {
    const world = new FlowWorld();
    world.serve("eu", writesAll);
    world.flow.setPipeline(validPipeline({
      unrouted,
      stages: [stage("orders", "source"), stage("eu", "sink")],
      edges: [edge("orders", "eu", { recordType: "eu" })],
    }));
    const source = world.source();
    source.push([order(1, { recordType: "eu" }), order(2), order(3)]);
    world.time.pass(50);
    assertEquals(source.outcomes(), ["Accepted", "Accepted", "Accepted"]);
    assertEquals(world.flow.counters.unrouted, 2);
    assertEquals(
      world.letters.map(({ stageId, errorCode }) => [stageId, errorCode]),
      unrouted === 0 ? [] : [["orders", "NOT_FOUND"], ["orders", "NOT_FOUND"]],
    );
    assertEquals(world.flow.underWay.bytes, 0);
    world.flow.close();
  }
});

Deno.test("Flow settles a record that is split when every part is at its sink, and one that is filtered at once", () => {
  const world = new FlowWorld();
  world.serve("even", writesAll);
  world.serve("odd", (records) => ({ ...writesAll(records), afterMs: 500 }));
  world.serve("enrich", (records) => ({
    results: records.map((record) => {
      // Record n becomes n - 1 parts; the first is filtered.
      const parts = Number(record.id.sequenceNumber) - 1;
      return {
        originalId: record.id,
        status: parts === 0 ? 2 : 4,
        outputRecords: Array.from({ length: parts }, (_, part) => ({
          ...record,
          recordType: part % 2 === 0 ? "even" : "odd",
          payload: Uint8Array.of(part),
        })),
      };
    }),
  }));
  world.flow.setPipeline(validPipeline({
    stages: [
      stage("orders", "source"),
      stage("enrich", "transform"),
      stage("even", "sink"),
      stage("odd", "sink"),
    ],
    edges: [
      edge("orders", "enrich"),
      edge("enrich", "even", { recordType: "even" }),
      edge("enrich", "odd", { recordType: "odd" }),
    ],
  }));
  const source = world.source();
  source.push(orders(1, 5));
  world.time.pass(7);
  assertEquals(source.told.map(({ sequence }) => sequence), [1]);
  assertEquals(world.flow.counters.filtered, 1);
  world.time.pass(100);
  assertEquals(got(world, "even"), [2, 3, 4, 4, 5, 5]);
  assertEquals(source.told.map(({ sequence }) => sequence), [1, 2]);
  world.time.pass(600);
  assertEquals(source.told.length, 5);
  assertEquals(got(world, "odd"), [3, 4, 5, 5]);
  assertEquals(world.flow.underWay, { records: 0, bytes: 0, partitions: 1 });
  world.flow.close();
});

Deno.test("Flow gives each output of a transform its own way, which may join again behind", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  for (const id of ["a", "b", "c"]) world.serve(id, passesOn);
  world.flow.setPipeline(validPipeline({
    stages: [
      stage("orders", "source"),
      stage("a", "transform"),
      stage("b", "transform"),
      stage("c", "transform"),
      stage("archive", "sink"),
    ],
    edges: [
      edge("orders", "a"),
      edge("a", "b"),
      edge("a", "c"),
      edge("b", "archive"),
      edge("c", "archive"),
      edge("a", "archive", { expression: "record.sequence > 8u" }),
    ],
  }));
  const source = world.source();
  source.push(orders(1, 10));
  assert(world.time.runUntil(() => source.told.length === 10, 1_000));
  const copies = got(world, "archive");
  assertEquals(copies.length, 22);
  assertEquals(copies.filter((n) => n === 9).length, 3);
  world.flow.close();
});

Deno.test("Flow takes batches no larger than the queue behind them", () => {
  const world = new FlowWorld();
  world.serve("enrich", passesOn);
  world.serve("archive", writesAll);
  world.flow.setPipeline(
    through("transform", {}, { ...batches(20), queueRecords: 30 }),
  );
  const source = world.source();
  source.push(orders(1, 500));
  assert(world.time.runUntil(() => source.told.length === 500, 5_000));
  const sizes = world.callsOf("enrich").map(({ records }) => records.length);
  assertEquals(Math.max(...sizes), 30);
  world.flow.close();
});

Deno.test("Flow keeps a queue within its bound: the stage before takes no more than there is room for", () => {
  const world = new FlowWorld();
  world.serve("enrich", passesOn);
  world.serve("archive", () => ({ silent: true }));
  world.flow.setPipeline(
    through("transform", batches(100), {
      ...batches(100),
      queueRecords: 300,
    }),
  );
  const source = world.source();
  for (let n = 0; n < 20; n++) {
    source.push(orders(n * 100 + 1, n * 100 + 100));
    world.time.pass(20);
    const { stages } = world.flow.report("orders")!;
    assert(stages.get("archive")!.buffered <= 400);
  }
  assertEquals(world.sequencesOf("enrich").flat().length, 400);
  world.flow.close();
});

Deno.test("Flow gathers batches by records, by bytes and by how long the first has waited", () => {
  const sizes = (bounds: object, pushes: readonly number[]): number[] => {
    const world = new FlowWorld();
    world.serve("archive", writesAll);
    world.flow.setPipeline(straight(bounds));
    const source = world.source();
    let sequence = 0;
    for (const count of pushes) {
      source.push(
        Array.from(
          { length: count },
          () => order(++sequence, { payload: new Uint8Array(1_000) }),
        ),
      );
      world.time.pass(2);
    }
    world.time.pass(1_000);
    world.flow.close();
    return world.callsOf("archive").map(({ records }) => records.length);
  };
  assertEquals(sizes(batches(10, 100), [4, 4, 4, 4]), [10, 6]);
  assertEquals(sizes(batches(0, 3), [4, 4, 4, 4]), [8, 8]);
  assertEquals(sizes(batches(0, 0), [4, 4]), [4, 4]);
  const bytes = { ...batches(0, 100) };
  bytes.batch!.maxBytes = 3_500;
  assertEquals(sizes(bytes, [2, 2, 3]), [3, 3, 1]);
});

Deno.test("Flow carries bytes it does not know through the stages unchanged", () => {
  const world = new FlowWorld();
  const seen: SeenRecord[] = [];
  world.serve("archive", (records) => {
    seen.push(...records);
    return writesAll(records);
  });
  world.serve("enrich", passesOn);
  world.flow.setPipeline(through("transform"));
  const source = world.source();
  const key = Uint8Array.of(0, 255, 128);
  const metadata = { "ключ": "значение", empty: "", "a.b": "𝄞" };
  source.push([order(1, { key, metadata, payload: new Uint8Array(0) })]);
  assert(world.time.runUntil(() => source.told.length === 1, 100));
  assertEquals([...seen[0]!.key], [...key]);
  assertEquals(seen[0]!.metadata, metadata);
  assertEquals(seen[0]!.payload.length, 0);
  world.flow.close();
});
