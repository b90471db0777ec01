import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { edge, stage, validPipeline } from "../../fixtures/pipelines.ts";
import {
  failsWith,
  FlowWorld,
  order,
  orders,
  passesOn,
  type Service,
  writesAll,
} from "../../fixtures/flow_world.ts";
import {
  batches,
  retries,
  straight,
  through,
} from "../../fixtures/flow_pipelines.ts";

const failStage = { block: 0, deadLetter: 1, drop: 2 };

Deno.test("Flow waits for a service that is not there, and goes on at once when it comes", () => {
  const world = new FlowWorld();
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push(orders(1, 3));
  world.time.pass(60_000);
  assertEquals(source.told, []);
  const { trouble, buffered } = world.flow.report("orders")!.stages
    .get("archive")!;
  assertEquals(buffered, 3);
  assertEquals(trouble?.code, "UNAVAILABLE");
  world.serve("archive", writesAll);
  world.flow.servicesChanged();
  assert(world.time.runUntil(() => source.told.length === 3, 5));
  assertEquals(world.letters, []);
  world.flow.close();
});

Deno.test("Flow makes dead letters of what a service that stays away should have had, where the stage says so", () => {
  for (const services of [[], [failsWith(Code.Unavailable)]]) {
    const world = new FlowWorld();
    for (const service of services) world.serve("archive", service);
    world.flow.setPipeline(
      straight({ onUnavailable: failStage.deadLetter, ...retries(4, 50) }),
    );
    const source = world.source();
    source.push(orders(1, 3));
    world.time.pass(50);
    assertEquals(source.told, [], "a short absence is waited for");
    assert(world.time.runUntil(() => source.told.length === 3, 1_000));
    assertEquals(world.letters.map(({ errorCode }) => errorCode), [
      "UNAVAILABLE",
      "UNAVAILABLE",
      "UNAVAILABLE",
    ]);
    assertEquals(world.flow.counters.deadLettered, 3);
    world.flow.close();
  }
});

Deno.test("Flow drops and counts what a service that stays away should have had, where the stage says so", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.flow.setPipeline(
    through("transform", { onUnavailable: failStage.drop, ...retries(4, 50) }),
  );
  const source = world.source();
  source.push(orders(1, 3));
  assert(world.time.runUntil(() => source.told.length === 3, 1_000));
  assertEquals(source.outcomes(), ["Accepted", "Accepted", "Accepted"]);
  assertEquals(world.flow.counters.dropped, 3);
  assertEquals(world.callsOf("archive"), []);
  // Once it is back nothing more is dropped.
  world.serve("enrich", passesOn);
  world.flow.servicesChanged();
  source.push(orders(4, 9));
  assert(world.time.runUntil(() => source.told.length === 9, 1_000));
  assertEquals(world.flow.counters.dropped, 3);
  assertEquals(world.sequencesOf("archive").flat(), [4, 5, 6, 7, 8, 9]);
  world.flow.close();
});

Deno.test("Flow lets what was done go on when the record before it is dropped", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.serve("enrich", (records) => {
    const { results = [] } = passesOn(records);
    return {
      results: results.map((result, i) =>
        records[i]!.id.sequenceNumber === 2n
          ? { ...result, status: 3, outputRecords: [] }
          : result
      ),
    };
  });
  world.flow.setPipeline(
    through("transform", { onUnavailable: failStage.drop, ...retries(50, 50) }),
  );
  const source = world.source();
  source.push(orders(1, 3));
  world.time.pass(100);
  assertEquals(world.sequencesOf("archive"), [[1]]);
  world.stop("enrich");
  world.flow.servicesChanged();
  assert(world.time.runUntil(() => source.told.length === 3, 2_000));
  assertEquals(world.flow.counters.dropped, 1);
  assertEquals(world.sequencesOf("archive"), [[1], [3]]);
  world.flow.close();
});

Deno.test("Flow takes calls that fail together for one failure of the service", () => {
  const world = new FlowWorld();
  let hiccup = true;
  world.serve(
    "archive",
    (records) => hiccup ? { error: Code.Unavailable } : writesAll(records),
  );
  world.flow.setPipeline(straight({
    onUnavailable: failStage.deadLetter,
    parallelism: 8,
    ...batches(1, 0),
    ...retries(4, 50),
  }));
  const source = world.source();
  for (let n = 1; n <= 40; n++) source.push([order(n, { partition: n })]);
  assert(world.callsOf("archive").length > 3, "several at a time");
  world.time.pass(10);
  hiccup = false;
  assert(world.time.runUntil(() => source.told.length === 40, 2_000));
  assertEquals(world.letters, []);
  world.flow.close();
});

Deno.test("Flow takes one failure of a healthy service for a hiccup, whatever became of the others", () => {
  const world = new FlowWorld();
  world.serve("archive", failsWith(Code.Unavailable));
  world.flow.setPipeline(
    straight({ onUnavailable: failStage.drop, ...retries(4, 1_000) }),
  );
  let hiccup = false;
  const source = world.source();
  const good: Service = (records) => {
    if (!hiccup) return writesAll(records);
    hiccup = false;
    return { error: Code.Unavailable };
  };
  const second = world.serve("archive", good);
  // The first one fails again and again while the second one works.
  for (let n = 1; n <= 20; n++) {
    source.push([order(n)]);
    world.time.pass(1_000);
  }
  assertEquals(source.told.length, 20);
  assertEquals(world.flow.counters.dropped, 0);
  // Now only the second one is left, and fails once.
  world.stop("archive");
  world.serve("archive", good, { id: second.id });
  hiccup = true;
  source.push([order(21)]);
  assert(world.time.runUntil(() => source.told.length === 21, 5_000));
  assertEquals(world.flow.counters.dropped, 0);
  world.flow.close();
});

Deno.test("Flow stays away from an instance that fails, and probes it with one call at a time", () => {
  const world = new FlowWorld();
  let broken = true;
  world.serve(
    "archive",
    (records) =>
      broken ? { error: Code.Unavailable, afterMs: 300 } : writesAll(records),
  );
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight({
    ...batches(1, 0),
    ...retries(1, 1_000),
    parallelism: 8,
  }));
  const source = world.source();
  const push = (from: number, to: number): void => {
    for (let n = from; n <= to; n++) source.push([order(n, { partition: n })]);
  };
  push(1, 400);
  world.time.pass(250);
  const callsOf = (instance: string): number =>
    world.calls.filter((call) => call.instance === instance).length;
  const first = callsOf("archive-1");
  assert(first <= 8, "only what was under way together meets the failure");
  for (let at = 0; at < 5; at++) {
    push(1_000 + at * 100, 1_049 + at * 100);
    world.time.pass(1_500);
    assert(
      callsOf("archive-1") <= first + 2 * (at + 1),
      `${callsOf("archive-1")} calls`,
    );
  }
  broken = false;
  push(3_000, 3_100);
  world.time.pass(3_000);
  push(4_000, 4_100);
  world.time.pass(3_000);
  assert(callsOf("archive-1") > first + 30, "it gets its share again");
  assertEquals(source.told.length, 400 + 250 + 202);
  assertEquals(world.letters, []);
  world.flow.close();
});

Deno.test("Flow keeps the other branches and pipelines running beside a dead sink, until their own bound", () => {
  const world = new FlowWorld();
  world.serve("archive", failsWith(Code.Unavailable));
  world.serve("live", writesAll);
  world.serve("other", writesAll);
  const bound = { queueRecords: 1_000, ...batches(100) };
  world.flow.setPipeline(validPipeline({
    stages: [
      stage("orders", "source"),
      stage("archive", "sink", bound),
      stage("live", "sink", bound),
    ],
    edges: [edge("orders", "archive"), edge("orders", "live")],
  }));
  world.flow.setPipeline(validPipeline({
    id: "invoices",
    stages: [stage("invoices", "source"), stage("other", "sink", bound)],
    edges: [edge("invoices", "other")],
  }));
  const source = world.source();
  const invoices = world.source();
  for (let n = 0; n < 50; n++) {
    source.push(orders(n * 100 + 1, n * 100 + 100));
    invoices.push(
      orders(n * 100 + 1, n * 100 + 100, { sourceId: "invoices" }),
    );
    world.time.pass(20);
  }
  assertEquals(source.told.length, 0);
  assertEquals(invoices.told.length, 5_000);
  assertEquals(world.sequencesOf("live").flat().length, 5_000);
  assertEquals(world.flow.underWay.records, 5_000);
  world.stop("archive");
  world.serve("archive", writesAll);
  world.flow.servicesChanged();
  assert(world.time.runUntil(() => source.told.length === 5_000, 30_000));
  assertEquals(world.sequencesOf("live").flat().length, 5_000);
  assertEquals(world.flow.underWay, { records: 0, bytes: 0, partitions: 2 });
  world.flow.close();
});
