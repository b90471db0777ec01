import { assert, assertEquals } from "@std/assert";
import { edge, stage, validPipeline } from "../../fixtures/pipelines.ts";
import {
  FlowWorld,
  orders,
  passesOn,
  writesAll,
} from "../../fixtures/flow_world.ts";

const straight = validPipeline({
  stages: [stage("orders", "source"), stage("archive", "sink")],
  edges: [edge("orders", "archive")],
});

Deno.test("Flow acks records when the sink has them, and commits their offset", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight);
  const source = world.source();
  source.push(orders(1, 3));
  assertEquals(source.told, []);
  world.time.pass(5);
  assertEquals(world.sequencesOf("archive"), [[1, 2, 3]]);
  world.time.pass(1);
  assertEquals(source.outcomes(1, 2, 3), ["Accepted", "Accepted", "Accepted"]);
  assertEquals(world.flow.underWay.records, 0);
  assertEquals(world.flow.underWay.bytes, 0);
  world.time.pass(300);
  assertEquals(world.committed.get("orders/0"), 3n);
  world.flow.close();
  assertEquals(world.time.timers, 0);
});

Deno.test("Flow takes records through a transform to a sink", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.serve("enrich", passesOn);
  world.flow.setPipeline(validPipeline({
    stages: [
      stage("orders", "source"),
      stage("enrich", "transform"),
      stage("archive", "sink"),
    ],
    edges: [edge("orders", "enrich"), edge("enrich", "archive")],
  }));
  const source = world.source();
  source.push(orders(1, 500));
  source.push(orders(501, 1_000));
  assert(world.time.runUntil(() => world.callsOf("archive").length === 1));
  assertEquals(world.released.size, 0, "nobody has been told of a record");
  assert(world.time.runUntil(() => source.told.length === 1_000));
  assertEquals(world.callsOf("archive")[0]!.records.length, 500);
  assertEquals(world.flow.underWay.bytes, 0);
  const answers = world.callsOf("enrich").length;
  assertEquals(world.released.size, 2 + answers, "batches and answers");
  world.flow.close();
});
