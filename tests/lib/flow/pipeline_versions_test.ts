import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { replacedVersionMs } from "../../../lib/limits.ts";
import { type Random, seededRandom } from "../../../lib/random.ts";
import type { CompiledPipeline } from "../../../lib/routing/types.ts";
import {
  failsWith,
  FlowWorld,
  order,
  orders,
  passesOn,
  type Service,
  writesAll,
} from "../../fixtures/flow_world.ts";
import { batches, duration, straight } from "../../fixtures/flow_pipelines.ts";
import { edge, stage, validPipeline } from "../../fixtures/pipelines.ts";

/** From the source to these sinks. */
function fan(...sinks: readonly string[]): CompiledPipeline {
  return validPipeline({
    stages: [
      stage("orders", "source"),
      ...sinks.map((id) => stage(id, "sink", batches(10, 1))),
    ],
    edges: sinks.map((id) => edge("orders", id)),
  });
}

/** From the source through these transforms to the sink "archive". */
function chain(...transforms: readonly string[]): CompiledPipeline {
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

/** The sequence numbers that a service got, in their order. */
function got(world: FlowWorld, service: string): readonly number[] {
  return world.sequencesOf(service).flat();
}

function upTo(last: number, from = 1): readonly number[] {
  return Array.from({ length: last - from + 1 }, (_, i) => from + i);
}

Deno.test("PipelineVersions keep the order of each partition, however slow the version is that was replaced", () => {
  const world = new FlowWorld();
  const slow: Service = (records) => ({ ...passesOn(records), afterMs: 50 });
  world.serve("archive", writesAll);
  world.serve("slow", slow);
  world.serve("quick", passesOn);
  const source = world.source();
  const versions = [
    chain("slow", "quick"),
    chain("quick"),
    chain(),
    chain("slow"),
  ];
  for (const [n, version] of versions.entries()) {
    world.flow.setPipeline(version);
    for (const partition of [0, 1, 2]) {
      source.push(orders(n * 50 + 1, n * 50 + 50, { partition }));
    }
    world.time.pass(9);
  }
  assert(world.time.runUntil(() => source.told.length === 600));
  const written = world.callsOf("archive").flatMap(({ records }) => records);
  for (const partition of [0, 1, 2]) {
    const sequences = written
      .filter(({ id }) => id.partition === partition)
      .map(({ id }) => Number(id.sequenceNumber));
    assertEquals(sequences, upTo(200), `partition ${partition}`);
  }
  void world.flow.close();
});

/** A service that is slow, and fails, before its work or after it, more or less often. */
function moody(random: Random, service: Service, note: Service): Service {
  return (records) => {
    const roll = random();
    const afterMs = 1 + random() * 30;
    if (roll < 0.2) return { error: Code.Unavailable, afterMs };
    note(records);
    if (roll < 0.3) return { error: Code.Unavailable, afterMs };
    return { ...service(records), afterMs };
  };
}

for (let seed = 1; seed <= 10; seed++) {
  Deno.test(`PipelineVersions keep the order in which each sink first gets the records, whatever fails, seed ${seed}`, () => {
    const world = new FlowWorld({}, seed);
    const random = seededRandom(seed);
    const some = (...names: readonly string[]) =>
      names.filter(() => random() < 0.5);
    const last = new Map<string, number>();
    const seen = new Set<string>();
    const note = (sink: string): Service => (records) => {
      for (const { id } of records) {
        const partition = `${sink} ${id.partition}`;
        const sequence = Number(id.sequenceNumber);
        if (seen.has(`${partition} ${sequence}`)) continue;
        seen.add(`${partition} ${sequence}`);
        const before = last.get(partition) ?? 0;
        assert(before < sequence, `${partition}: ${sequence} behind ${before}`);
        last.set(partition, sequence);
      }
      return {};
    };
    for (const id of ["first", "second"]) {
      world.serve(id, moody(random, passesOn, () => ({})));
    }
    for (const id of ["a", "b", "c"]) {
      world.serve(id, moody(random, writesAll, note(id)));
    }
    const source = world.source();
    let sent = 0;
    for (let version = 0; version < 12; version++) {
      const transforms = some("first", "second");
      const sinks = ["a", ...some("b", "c")];
      const ids = ["orders", ...transforms];
      world.flow.setPipeline(validPipeline({
        stages: [
          stage("orders", "source"),
          ...transforms.map((id) => stage(id, "transform", batches(20, 2))),
          ...sinks.map((id) => stage(id, "sink", batches(20, 2))),
        ],
        edges: [
          ...transforms.map((id, at) => edge(ids[at]!, id)),
          ...sinks.map((id) => edge(ids.at(-1)!, id)),
        ],
      }));
      for (let batch = 0; batch < 5; batch++) {
        const partition = Math.floor(random() * 3);
        source.push(orders(sent + 1, sent + 15, { partition }));
        sent += 15;
        world.time.pass(random() * 60);
      }
    }
    assert(world.time.runUntil(() => source.told.length === sent, 600_000));
    assertEquals(new Set(source.outcomes()), new Set(["Accepted"]));
    // The sink that every version has, has everything.
    const atSink = [...seen].filter((each) => each.startsWith("a "));
    assertEquals(atSink.length, sent);
    assertEquals(world.flow.underWay.bytes, 0);
    void world.flow.close();
    assertEquals(world.time.timers, 0);
  });
}

Deno.test("PipelineVersions have what waits for a dead sink begin anew in the version without it, before what came since", () => {
  const world = new FlowWorld({
    creditWindowRecords: 300,
    sourceRecordsMax: 300,
  });
  world.serve("dead", failsWith(Code.Unavailable));
  world.serve("archive", writesAll);
  world.serve("live", writesAll);
  world.flow.setPipeline(fan("dead", "live"));
  const source = world.source();
  source.push(orders(1, 300));
  world.time.pass(2_000);
  assertEquals(got(world, "live"), upTo(300));
  assertEquals(source.told, [], "the source is stuck");
  world.flow.setPipeline(fan("archive", "live"));
  assert(world.time.runUntil(() => source.told.length === 300, 1_000));
  source.push(orders(301, 320));
  assert(world.time.runUntil(() => source.told.length === 320, 1_000));
  assertEquals(new Set(source.outcomes()), new Set(["Accepted"]));
  assertEquals(got(world, "archive"), upTo(320));
  assertEquals(got(world, "live"), [...upTo(300), ...upTo(320)]);
  assertEquals([...world.flow.report("orders")!.stages.keys()], [
    "orders",
    "archive",
    "live",
  ]);
  void world.flow.close();
  assertEquals(world.time.timers, 0);
});

Deno.test("PipelineVersions begin nothing anew while a call of the replaced version may still write", () => {
  const world = new FlowWorld();
  world.serve("dead", failsWith(Code.Unavailable));
  const live = (records: Parameters<Service>[0]) => ({
    ...writesAll(records),
    afterMs: 3_000,
  });
  world.serve("live", live);
  world.flow.setPipeline(fan("dead", "live"));
  const source = world.source();
  source.push(orders(1, 20));
  world.time.pass(500);
  world.flow.setPipeline(fan("live"));
  source.push(orders(21, 30));
  world.time.pass(2_000);
  assertEquals(got(world, "live"), upTo(10), "the call is still under way");
  assert(world.time.runUntil(() => source.told.length === 30, 20_000));
  // What the call wrote was not settled: the dead sink had not got it.
  assertEquals(got(world, "live"), [...upTo(10), ...upTo(30)]);
  void world.flow.close();
});

Deno.test("PipelineVersions replace a transform that hangs, within its deadline", () => {
  const world = new FlowWorld();
  world.serve("hangs", () => ({
    error: Code.DeadlineExceeded,
    afterMs: 5_000,
  }));
  world.serve("quick", passesOn);
  world.serve("archive", writesAll);
  world.flow.setPipeline(chain("hangs"));
  const source = world.source();
  source.push(orders(1, 25));
  world.time.pass(100);
  world.flow.setPipeline(chain("quick"));
  source.push(orders(26, 40));
  world.time.pass(4_000);
  assertEquals(got(world, "archive"), []);
  const { stages, branches } = world.flow.report("orders")!;
  assertEquals([stages.get("orders")!.buffered, branches], [15, 40]);
  assert(world.time.runUntil(() => source.told.length === 40, 3_000));
  assertEquals(got(world, "archive"), upTo(40));
  void world.flow.close();
});

Deno.test("PipelineVersions give a replaced version that is slow its time, and no more", () => {
  const world = new FlowWorld();
  world.serve("slow", (records) => ({ ...writesAll(records), afterMs: 1_500 }));
  world.serve("archive", writesAll);
  world.flow.setPipeline(fan("slow"));
  const source = world.source();
  source.push(orders(1, 200));
  world.time.pass(100);
  world.flow.setPipeline(fan("archive"));
  world.time.pass(replacedVersionMs - 200);
  assertEquals(got(world, "archive"), []);
  const settled = source.told.length;
  assert(settled > 0 && settled < 200, `${settled} settled`);
  assert(world.time.runUntil(() => source.told.length === 200, 5_000));
  // Each was written once: none was given up while it was being written.
  assertEquals([...got(world, "slow"), ...got(world, "archive")], upTo(200));
  void world.flow.close();
});

Deno.test("PipelineVersions give each of several replaced versions its time from when it is its turn", () => {
  const world = new FlowWorld();
  const slow: Service = (records) => ({
    ...writesAll(records),
    afterMs: 4_000,
  });
  for (const id of ["first", "second"]) world.serve(id, slow);
  world.serve("archive", writesAll);
  const source = world.source();
  for (const [n, sink] of ["first", "second", "archive"].entries()) {
    world.flow.setPipeline(fan(sink));
    source.push(orders(20 * n + 1, 20 * n + 20));
    world.time.pass(100);
  }
  assert(world.time.runUntil(() => source.told.length === 60, 20_000));
  assertEquals(got(world, "first"), upTo(20));
  assertEquals(got(world, "second"), upTo(40, 21));
  assertEquals(got(world, "archive"), upTo(60, 41));
  void world.flow.close();
});

/** A sink stage whose records are pulled. */
const pulled = stage("pulled", "sink", {
  serviceSelector: {
    serviceName: "pulled",
    groupId: "",
    labels: { "conveyor/delivery": "pull" },
    loadBalance: 0,
  },
});

Deno.test("PipelineVersions take back what consumers have not pulled when the time of the version is over", () => {
  const world = new FlowWorld();
  world.serve("pulled", () => ({ silent: true }));
  world.serve("archive", writesAll);
  world.flow.setPipeline(validPipeline({
    stages: [
      stage("orders", "source"),
      pulled,
    ],
    edges: [edge("orders", "pulled")],
  }));
  const source = world.source();
  source.push(orders(1, 5));
  world.time.pass(100);
  world.flow.setPipeline(straight());
  assert(world.time.runUntil(
    () => source.told.length === 5,
    replacedVersionMs + 2_000,
  ));
  assertEquals(got(world, "archive"), upTo(5));
  void world.flow.close();
});

Deno.test("PipelineVersions give back to its source what waits and is not taken by the next version", () => {
  const world = new FlowWorld();
  world.serve("archive", failsWith(Code.Unavailable));
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push(orders(1, 3));
  world.time.pass(100);
  world.flow.setPipeline(validPipeline({
    stages: [stage("others", "source"), stage("archive", "sink")],
    edges: [edge("others", "archive")],
  }));
  world.time.pass(100);
  assertEquals(source.outcomes(), ["Rejected", "Rejected", "Rejected"]);
  assertEquals(world.flow.underWay.records, 0);
  assertEquals(world.flow.underWay.bytes, 0);
  void world.flow.close();
});

Deno.test("PipelineVersions give up the replay of a dead letter that waits in a replaced version: the letter stays", async () => {
  const world = new FlowWorld();
  const refuses: Service = (records) => ({
    results: records.map(({ id }) => ({ recordId: id, success: false })),
  });
  world.serve("archive", refuses);
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push([order(1)]);
  world.time.pass(1_000);
  assertEquals(source.outcomes(), ["Accepted"]);
  const [letter] = world.letters;
  world.stop("archive");
  const outcome = world.flow.replay({ letterId: "a", ...letter! });
  world.time.pass(1_000);
  world.flow.setPipeline(fan("archive", "live"));
  world.time.pass(100);
  assertEquals((await outcome).kind, "given_up");
  void world.flow.close();
});

Deno.test("PipelineVersions let the replaced version go on when the next one is disabled before it began", () => {
  const world = new FlowWorld();
  world.serve("archive", failsWith(Code.Unavailable));
  world.serve("live", (records) => ({ ...writesAll(records), afterMs: 1_000 }));
  world.flow.setPipeline(fan("archive", "live"));
  const source = world.source();
  source.push(orders(1, 15));
  world.time.pass(200);
  world.flow.setPipeline(fan("live"));
  source.push(orders(16, 18));
  void world.flow.removePipeline("orders");
  world.time.pass(5_000);
  assertEquals(source.told, []);
  world.stop("archive");
  world.serve("archive", writesAll);
  world.flow.servicesChanged();
  assert(world.time.runUntil(() => source.told.length === 18, 20_000));
  assertEquals(source.outcomes(), Array(18).fill("Accepted"));
  assertEquals(got(world, "live"), upTo(18));
  void world.flow.close();
});

Deno.test("PipelineVersions let consumers pull again from a replaced version that goes on", () => {
  const world = new FlowWorld();
  let away = true;
  world.serve(
    "pulled",
    (records) => away ? { silent: true } : writesAll(records),
  );
  world.serve("dead", failsWith(Code.Unavailable));
  world.serve("live", (records) => ({ ...writesAll(records), afterMs: 1_000 }));
  const sinks = ["dead", "live"].map((id) => stage(id, "sink", batches(10, 1)));
  world.flow.setPipeline(validPipeline({
    stages: [stage("orders", "source"), pulled, ...sinks],
    edges: ["pulled", "dead", "live"].map((id) => edge("orders", id)),
  }));
  const source = world.source();
  source.push(orders(1, 15));
  world.time.pass(200);
  world.flow.setPipeline(fan("live"));
  void world.flow.removePipeline("orders");
  away = false;
  world.stop("dead");
  world.serve("dead", writesAll);
  world.flow.servicesChanged();
  assert(world.time.runUntil(() => source.told.length === 15, 20_000));
  assertEquals(source.outcomes(), Array(15).fill("Accepted"));
  void world.flow.close();
});

Deno.test("PipelineVersions begin records anew with all that they came with, and count their bytes until then", () => {
  const world = new FlowWorld();
  world.serve("enrich", (records) => ({
    results: records.map((record) => ({
      originalId: record.id,
      status: 1,
      outputRecords: [{ ...record, payload: Uint8Array.of(0) }],
    })),
  }));
  world.serve("archive", failsWith(Code.Unavailable));
  const through = validPipeline({
    stages: [
      stage("orders", "source"),
      stage("enrich", "transform", {
        batch: { maxRecords: 5, maxBytes: 0, linger: duration(1) },
      }),
      stage("archive", "sink"),
    ],
    edges: [edge("orders", "enrich"), edge("enrich", "archive")],
  });
  world.flow.setPipeline(through);
  const source = world.source();
  source.push(orders(1, 10));
  world.time.pass(100);
  assert(world.flow.underWay.bytes > 100, "what was sent, and what was made");
  world.stop("archive");
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  assert(world.time.runUntil(() => source.told.length === 10, 1_000));
  const written = world.callsOf("archive").at(-1)!.records;
  assertEquals(
    written.map(({ payload }) => payload[0]),
    [...upTo(10)],
  );
  assertEquals(world.flow.underWay.bytes, 0);
  void world.flow.close();
});
