import { assert, assertEquals } from "@std/assert";
import {
  FlowWorld,
  order,
  orders,
  passesOn,
  type Service,
  writesAll,
} from "../../fixtures/flow_world.ts";
import { edge, stage, validPipeline } from "../../fixtures/pipelines.ts";
import { batches, straight, through } from "../../fixtures/flow_pipelines.ts";

/** A sink that answers nothing. */
const stalled: Service = () => ({ silent: true });

Deno.test("Flow grants credit on opening and as records settle, never more than the window with what is under way", () => {
  const world = new FlowWorld({ creditWindowRecords: 100 });
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  const source = world.source();
  assertEquals(source.credits, 100);
  let sent = 0;
  for (let round = 0; round < 50; round++) {
    while (source.credits - sent >= 10) {
      source.push(orders(sent + 1, sent + 10));
      sent += 10;
      assert(source.credits - source.told.length <= 100);
    }
    world.time.pass(3);
  }
  assert(sent > 300, `${sent} got on`);
  world.time.pass(100);
  assertEquals(source.outcomes().length, sent);
  assertEquals(source.outcomes().filter((o) => o !== "Accepted"), []);
  world.flow.close();
});

Deno.test("Flow rejects what a source sends over its credit, takes the rest, and takes it when it is sent again", () => {
  const world = new FlowWorld({ creditWindowRecords: 10 });
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push(orders(1, 25));
  const rejected = source.told.filter(({ outcome }) => outcome === "Rejected");
  assertEquals(rejected.length, 15);
  assertEquals(rejected[0]!.sequence, 11);
  assertEquals(
    new Set(rejected.map(({ reason }) => reason)),
    new Set(["NoCredit"]),
  );
  world.time.pass(300);
  assertEquals(
    world.committed.get("orders/0"),
    10n,
    "no refused one is passed",
  );
  source.push(orders(11, 20));
  world.time.pass(20);
  assertEquals(source.outcomes(20), ["Rejected", "Accepted"]);
  world.flow.close();
});

Deno.test("Flow lets credit lapse and grants anew", () => {
  const world = new FlowWorld({ creditWindowRecords: 100, creditTtlMs: 5_000 });
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  const source = world.source();
  assertEquals(source.credits, 100);
  world.time.pass(4_000);
  assertEquals(source.credits, 100);
  world.time.pass(2_500);
  assertEquals(source.credits, 200);
  source.push(orders(1, 101));
  assertEquals(
    source.outcomes(),
    ["Rejected"],
    "the lapsed ones are not spent",
  );
  world.flow.close();
});

Deno.test("Flow grants credit on request, which any stream of the source may spend", () => {
  const world = new FlowWorld({ creditWindowRecords: 50 });
  world.serve("archive", stalled);
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push(orders(1, 50));
  assertEquals(source.outcomes(), []);
  const answer = world.flow.requestCredits("orders", 20);
  assertEquals([answer.granted, answer.expiresInMs], [20, 60_000]);
  assertEquals(answer.available, 100_000 - 50);
  source.push(orders(51, 80));
  assertEquals(source.outcomes().length, 10);
  const most = world.flow.requestCredits("orders", 1_000_000);
  assertEquals(most.granted, 50, "no more than the window");
  assertEquals(world.flow.requestCredits("orders", 10).granted, 0);
  world.flow.close();
});

Deno.test("Flow tells of pressure at 60, 80, 90 and 95 % of the source's bound, and when it has gone", () => {
  const world = new FlowWorld({
    sourceRecordsMax: 1_000,
    creditWindowRecords: 1_000,
  });
  world.serve("archive", stalled);
  world.flow.setPipeline(straight());
  const source = world.source();
  const levels: number[][] = [];
  for (let n = 0; n < 20; n++) {
    source.push(orders(n * 50 + 1, n * 50 + 50));
    levels.push([...source.levels]);
  }
  assertEquals(levels[10], []);
  assertEquals(levels[11], [1]);
  assertEquals(levels[15], [1, 2]);
  assertEquals(levels[17], [1, 2, 3]);
  assertEquals(levels[18], [1, 2, 3, 4]);
  assertEquals(source.session.mayRead, false);
  assertEquals(source.readableCalls, 0);
  world.flow.giveUpPipeline("orders");
  world.time.pass(1);
  assertEquals(source.levels.at(-1), 0);
  assertEquals(source.readableCalls, 1);
  assertEquals(source.session.mayRead, true);
  world.flow.close();
});

Deno.test("Flow takes copies of records under way within the bound of their source alone", () => {
  const world = new FlowWorld({ sourceRecordsMax: 10 });
  world.serve("archive", stalled);
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push(orders(1, 8));
  source.push(orders(1, 8));
  assertEquals(world.flow.underWay.records, 10);
  assertEquals(
    source.told.map(({ sequence, reason }) => [sequence, reason]),
    [3, 4, 5, 6, 7, 8].map((sequence) => [sequence, "NoRoom"]),
  );
  world.flow.close();
});

Deno.test("Flow lets a stream read on as soon as records of another one make room", () => {
  const world = new FlowWorld({ sourceRecordsMax: 10 });
  world.serve("archive", (records) => ({ ...writesAll(records), afterMs: 7 }));
  world.flow.setPipeline(straight(batches(10, 0)));
  const [one, other] = [world.source(), world.source()];
  one.push(orders(1, 9));
  other.push([order(10)]);
  assertEquals(other.session.mayRead, false);
  assert(world.time.runUntil(() => one.told.length === 9, 10));
  assertEquals(other.told, [], "its own record is still under way");
  assertEquals(other.readableCalls, 1);
  world.flow.close();
});

Deno.test("Flow goes on reading a source whose batches are larger than its bound of records", () => {
  const world = new FlowWorld({ sourceRecordsMax: 10 });
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  const source = world.source();
  for (let round = 0; round < 3; round++) {
    assert(source.session.mayRead);
    source.push(orders(10 * round + 1, 10 * round + 20));
    world.time.pass(100);
    assertEquals(world.flow.underWay.records, 0);
  }
  assertEquals(world.sequencesOf("archive").flat().length, 30);
  world.flow.close();
});

Deno.test("Flow stays within its bounds of records and bytes under a stalled sink, whatever the sources do", () => {
  const bounds = {
    bufferRecordsMax: 4_000,
    sourceRecordsMax: 1_500,
    bufferBytesMax: 1_000_000,
    sourceBytesMax: 300_000,
    creditWindowRecords: 1_000_000,
  };
  const world = new FlowWorld(bounds);
  world.serve("archive", stalled);
  world.serve("enrich", passesOn);
  world.flow.setPipeline(
    through(
      "transform",
      { ...batches(100), queueRecords: 200 },
      { ...batches(100), queueRecords: 200 },
    ),
  );
  const sources = Array.from({ length: 6 }, () => world.source());
  let accepted = 0;
  for (let n = 0; n < 400; n++) {
    const source = sources[n % 6]!;
    const payload = new Uint8Array(n % 3 === 0 ? 2_000 : 20);
    source.push(orders(n * 20 + 1, n * 20 + 20, { partition: n % 6, payload }));
    accepted += 20;
    world.time.pass(1);
    const { records, bytes } = world.flow.underWay;
    assert(records <= bounds.sourceRecordsMax, `${records} records`);
    assert(bytes <= bounds.bufferBytesMax, `${bytes} bytes`);
    assert(
      records + sources.flatMap(({ told }) => told).length === accepted,
      "each record is under way or rejected",
    );
  }
  const { stages } = world.flow.report("orders")!;
  assert(stages.get("archive")!.buffered <= 300);
  world.flow.close();
});

Deno.test("Flow leaves room for other sources beside those that are stuck", () => {
  const world = new FlowWorld({
    bufferRecordsMax: 1_000,
    sourceRecordsMax: 1_000,
  });
  world.serve(
    "archive",
    (records) =>
      records[0]!.id.sourceId === "good"
        ? writesAll(records)
        : { silent: true },
  );
  for (const id of ["good", "stuck-1", "stuck-2", "stuck-3"]) {
    world.flow.setPipeline(validPipeline({
      id,
      stages: [stage(id, "source"), stage("archive", "sink")],
      edges: [edge(id, "archive")],
    }));
  }
  for (const sourceId of ["stuck-1", "stuck-2", "stuck-3"]) {
    world.source().push(orders(1, 1_000, { sourceId }));
  }
  const good = world.source();
  for (let n = 0; n < 100; n++) {
    good.push(orders(n * 50 + 1, n * 50 + 50, { sourceId: "good" }));
    world.time.pass(10);
  }
  assertEquals(good.outcomes().filter((o) => o !== "Accepted"), []);
  assertEquals(good.told.length, 5_000);
  world.flow.close();
});

Deno.test("Flow takes a batch larger than the bound of its source when nothing else of it is under way", () => {
  const world = new FlowWorld({
    sourceBytesMax: 1_000,
    bufferBytesMax: 100_000,
  });
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  const source = world.source();
  for (let n = 1; n <= 3; n++) {
    assert(source.session.mayRead);
    source.push([order(n, { payload: new Uint8Array(5_000) })]);
    assertEquals(source.session.mayRead, false);
    world.time.pass(20);
  }
  assertEquals(source.outcomes(), ["Accepted", "Accepted", "Accepted"]);
  // Beside it there is no room, and what is over all bounds is never taken.
  source.push([order(4, { payload: new Uint8Array(5_000) })]);
  source.push([order(5, { payload: new Uint8Array(10) })]);
  assertEquals(source.told.at(-1)!.reason, "NoRoom");
  world.time.pass(20);
  source.push([order(6, { payload: new Uint8Array(200_000) })]);
  assertEquals(source.told.at(-1)!.reason, "TooLarge");
  assert(source.session.mayRead);
  world.flow.close();
});

Deno.test("Flow takes one record of 32 MiB through a transform to the sink", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.serve("enrich", passesOn);
  world.flow.setPipeline(through("transform"));
  const source = world.source();
  const payload = new Uint8Array(32 * 1024 * 1024);
  payload[payload.length - 1] = 77;
  source.push([order(1, { payload }), order(2)]);
  assert(world.time.runUntil(() => source.told.length === 2, 100));
  const written = world.callsOf("archive").flatMap(({ records }) => records);
  assertEquals(written.map(({ payload }) => payload.length), [
    payload.length,
    10,
  ]);
  assertEquals(written[0]!.payload.at(-1), 77);
  assertEquals(world.flow.underWay, { records: 0, bytes: 0, partitions: 1 });
  world.flow.close();
});

Deno.test("Flow answers an empty batch, and refuses one that is malformed and nothing with it", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push([]);
  assertEquals(source.ackedBatches, ["batch-1"]);
  let message = "";
  try {
    source.session.accept(Uint8Array.of(0x12, 0x05, 0x01));
  } catch (error) {
    message = (error as Error).message;
  }
  assert(message.startsWith("Cannot take batch: "), message);
  source.push([order(1)]);
  world.time.pass(20);
  assertEquals(source.outcomes(), ["Accepted"]);
  assertEquals(world.callsOf("archive").length, 1);
  world.flow.close();
});
