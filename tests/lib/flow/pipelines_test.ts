import { assert, assertEquals, assertThrows } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import {
  failsWith,
  FlowWorld,
  order,
  orders,
  passesOn,
  type Service,
  writesAll,
} from "../../fixtures/flow_world.ts";
import { edge, stage, validPipeline } from "../../fixtures/pipelines.ts";
import { batches, straight, through } from "../../fixtures/flow_pipelines.ts";

/** A transform that says by its name that it was here. */
function marks(mark: string): Service {
  return (records) => ({
    afterMs: 20,
    results: records.map((record) => ({
      originalId: record.id,
      status: 1,
      outputRecords: [{
        ...record,
        metadata: { ...record.metadata, by: (record.metadata.by ?? "") + mark },
      }],
    })),
  });
}

/** orders -> `stages` -> archive. */
function chain(...transforms: string[]) {
  const ids = ["orders", ...transforms, "archive"];
  return validPipeline({
    stages: [
      stage("orders", "source"),
      ...transforms.map((id) => stage(id, "transform", batches(10, 1))),
      stage("archive", "sink", batches(10, 1)),
    ],
    edges: ids.slice(1).map((id, i) => edge(ids[i]!, id)),
  });
}

Deno.test("Flow changes a pipeline under load without loss: records finish on the graph that they entered", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  for (const mark of ["a", "b", "c"]) world.serve(mark, marks(mark));
  const versions = [
    chain("a"),
    chain("a", "b"),
    chain("c"),
    chain("b", "c", "a"),
  ];
  const enteredAt: number[] = [];
  const source = world.source();
  let sent = 0;
  for (let n = 0; n < 40; n++) {
    const version = Math.floor(n / 10);
    if (n % 10 === 0) world.flow.setPipeline(versions[version]!);
    for (let i = 1; i <= 20; i++) enteredAt[sent + i] = version;
    source.push(orders(sent + 1, sent + 20));
    sent += 20;
    world.time.pass(7);
  }
  assert(world.time.runUntil(() => source.told.length === sent));
  assertEquals(source.outcomes().filter((o) => o !== "Accepted"), []);
  const written = world.callsOf("archive").flatMap(({ records }) => records);
  assertEquals(written.length, sent, "each once");
  for (const { id, metadata } of written) {
    const expected =
      ["a", "ab", "c", "bca"][enteredAt[Number(id.sequenceNumber)]!];
    assertEquals(metadata.by, expected);
  }
  assertEquals(world.flow.report("orders")!.branches, 0);
  world.flow.close();
});

Deno.test("Flow finishes what is in a pipeline that is removed, and rejects what comes after", async () => {
  const world = new FlowWorld();
  world.serve(
    "archive",
    (records) => ({ ...writesAll(records), afterMs: 100 }),
  );
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push(orders(1, 10));
  world.time.pass(20);
  let removed = false;
  const removal = world.flow.removePipeline("orders").then(() => {
    removed = true;
  });
  source.push(orders(11, 12));
  assertEquals(source.told.map(({ reason }) => reason), [
    "NoPipeline",
    "NoPipeline",
  ]);
  await Promise.resolve();
  assertEquals(removed, false);
  world.time.pass(200);
  await removal;
  assertEquals(source.outcomes().slice(2), Array(10).fill("Accepted"));
  assertEquals(world.flow.report("orders"), undefined);
  world.flow.close();
});

Deno.test("Flow rejects all that is in a pipeline which is given up, wherever it is, and leaves nothing behind", () => {
  const slow: Service = (records) => ({ ...passesOn(records), afterMs: 50 });
  for (let stopMs = 0; stopMs < 400; stopMs += 9) {
    const world = new FlowWorld();
    world.serve("enrich", slow);
    world.serve("archive", (records) => ({
      // Pending, refused for good, refused for now, or written.
      status: 4,
      afterMs: 30,
      results: records.map(({ id }) => ({
        recordId: id,
        success: id.sequenceNumber % 4n < 2n,
        retryable: id.sequenceNumber % 4n === 3n,
      })),
    }));
    world.lettersKeptAfterMs = 80;
    const few = batches(3, 1);
    world.flow.setPipeline(through("transform", few, few));
    const source = world.source();
    source.push(orders(1, 20));
    world.time.pass(stopMs);
    void world.flow.removePipeline("orders");
    world.flow.giveUpPipeline("orders");
    assertEquals(source.told.length, 20, `after ${stopMs} ms`);
    assertEquals(world.flow.underWay, { records: 0, bytes: 0, partitions: 1 });
    assertEquals(world.flow.report("orders")?.branches ?? 0, 0);
    world.time.pass(1_000);
    assertEquals(source.told.length, 20);
    // What was accepted is not taken again, what was rejected is.
    world.stop("archive");
    world.serve("archive", writesAll);
    world.flow.setPipeline(straight());
    source.push(orders(1, 20));
    assert(world.time.runUntil(() => source.told.length === 40, 1_000));
    for (let sequence = 1; sequence <= 20; sequence++) {
      const [first, second] = source.outcomes(sequence);
      assertEquals(second, first === "Accepted" ? "Duplicate" : "Accepted");
    }
    world.flow.close();
    assertEquals(world.time.timers, 0);
  }
});

Deno.test("Flow takes records anew by a pipeline that was given up and is still enabled", () => {
  const world = new FlowWorld();
  world.serve("archive", failsWith(Code.Unavailable));
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push([order(1)]);
  world.time.pass(100);
  world.flow.giveUpPipeline("orders");
  assertEquals(source.outcomes(), ["Rejected"]);
  world.stop("archive");
  world.serve("archive", writesAll);
  source.push([order(1)]);
  world.time.pass(100);
  assertEquals(source.outcomes(), ["Rejected", "Accepted"]);
  world.flow.close();
});

Deno.test("Flow settles a record that two pipelines take when both have settled it", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.serve("slow", (records) => ({ ...writesAll(records), afterMs: 1_000 }));
  world.flow.setPipeline(straight());
  world.flow.setPipeline(validPipeline({
    id: "copies",
    stages: [stage("orders", "source"), stage("slow", "sink")],
    edges: [edge("orders", "slow")],
  }));
  const source = world.source();
  source.push(orders(1, 3));
  world.time.pass(500);
  assertEquals(
    [world.callsOf("archive").length, world.callsOf("slow").length],
    [1, 1],
  );
  assertEquals(source.told, []);
  world.time.pass(600);
  assertEquals(source.outcomes(), ["Accepted", "Accepted", "Accepted"]);
  // Given up by one of them it is rejected, once the other has done with it.
  source.push([order(4)]);
  world.time.pass(100);
  void world.flow.removePipeline("copies");
  world.flow.giveUpPipeline("copies");
  assertEquals(source.outcomes(4), ["Rejected"]);
  world.flow.close();
});

Deno.test("Flow takes a source by its registered service, as the source stage selects it", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  const selector = {
    serviceName: "tills",
    groupId: "north",
    labels: { tier: "gold" },
    loadBalance: 0,
  };
  world.flow.setPipeline(validPipeline({
    stages: [
      stage("in", "source", { serviceSelector: selector }),
      stage("archive", "sink"),
    ],
    edges: [edge("in", "archive")],
  }));
  const source = world.source();
  source.push([order(1, { sourceId: "till-7" })]);
  assertEquals(source.outcomes(), ["Rejected"]);
  const service = (labels: Record<string, string>) => ({
    name: "tills",
    groupIds: new Set(["all", "north"]),
    labels: new Map(Object.entries(labels)),
  });
  world.registered.set("till-7", service({ tier: "gold", more: "x" }));
  world.registered.set("till-8", service({ tier: "tin" }));
  world.flow.servicesChanged();
  source.push([
    order(2, { sourceId: "till-7" }),
    order(2, { sourceId: "till-8" }),
  ]);
  world.time.pass(50);
  assertEquals(source.outcomes().slice(1), ["Rejected", "Accepted"]);
  world.flow.close();
});

Deno.test("Flow drains: takes nothing more, settles all, commits the offsets", async () => {
  const world = new FlowWorld({ offsetCommitMs: 60_000 });
  world.serve(
    "archive",
    (records) => ({ ...writesAll(records), afterMs: 500 }),
  );
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push(orders(1, 10));
  let drained = false;
  const drain = world.flow.drain().then(() => {
    drained = true;
  });
  const refused = assertThrows(() => source.push([order(11)]), ConveyorError);
  assertEquals(refused.code, Code.Unavailable);
  for (let n = 0; n < 100 && !drained; n++) {
    world.time.pass(10);
    for (let turn = 0; turn < 20; turn++) await Promise.resolve();
  }
  await drain;
  assertEquals(source.outcomes(), Array(10).fill("Accepted"));
  assertEquals(world.committed.get("orders/0"), 10n);
  await world.flow.close();
  assertEquals(world.time.timers, 0);
});

Deno.test("Flow keeps no buffers for a pipeline that no record has come to", () => {
  const count = 500;
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  const before = Deno.memoryUsage().external;
  for (let n = 0; n < count; n++) {
    const pipeline = chain("a", "b");
    world.flow.setPipeline({ ...pipeline, id: `chain-${n}` });
  }
  const bytes = (Deno.memoryUsage().external - before) / count;
  assert(bytes < 500, `${bytes} bytes each`);
});

Deno.test("Flow looks for the takers of a source among the pipelines that may mean it", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  let looks = 0;
  const set = (id: string, serviceName: string): void => {
    const from = stage("in", "source");
    const serviceSelector = { ...from.serviceSelector!, serviceName };
    const { sources, ...pipeline } = validPipeline({
      stages: [{ ...from, serviceSelector }, stage("archive", "sink")],
      edges: [edge("in", "archive")],
    });
    const filter: typeof sources.filter = (...args: [never]) => {
      looks++;
      return sources.filter(...args);
    };
    world.flow.setPipeline({
      ...pipeline,
      id,
      sources: Object.assign([...sources], { filter }),
    });
  };
  for (let n = 0; n < 50; n++) set(`other-${n}`, `source-${n}`);
  set("id", "orders");
  set("name", "shop");
  set("changed", "orders");
  set("changed", "source-1");
  set("removed", "orders");
  void world.flow.removePipeline("removed");
  const source = world.source();
  /** The pipelines that take a record, and at how many it was looked for that. */
  const takers = (): [number, string[]] => {
    const all = world.flow.pipelineIds;
    const processed = (id: string): number =>
      world.flow.report(id)!.stages.get("in")!.processed;
    const before = new Map(all.map((id) => [id, processed(id)]));
    looks = 0;
    const { length } = source.told;
    source.push([order(length + 1)]);
    assert(world.time.runUntil(() => source.told.length > length));
    return [looks, all.filter((id) => processed(id) > before.get(id)!).sort()];
  };
  assertEquals(takers(), [1, ["id"]]);
  const [groupIds, labels] = [new Set<string>(), new Map<string, string>()];
  world.registered.set("orders", { name: "shop", groupIds, labels });
  world.flow.servicesChanged();
  assertEquals(takers(), [2, ["id", "name"]]);
  set("changed", "shop");
  assertEquals(takers(), [3, ["changed", "id", "name"]]);
});
