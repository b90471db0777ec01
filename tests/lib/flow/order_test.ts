import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { seededRandom } from "../../../lib/random.ts";
import {
  FlowWorld,
  order,
  passesOn,
  type SeenRecord,
  type Service,
  writesAll,
} from "../../fixtures/flow_world.ts";
import { edge, stage, validPipeline } from "../../fixtures/pipelines.ts";
import { batches, retries, straight } from "../../fixtures/flow_pipelines.ts";

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Fails calls, whole, as often as this, and is slow at random. */
function flaky(service: Service, random: () => number): Service {
  return (records) =>
    random() < 0.3
      ? { error: Code.Unavailable, afterMs: 1 + random() * 20 }
      : { ...service(records), afterMs: 1 + random() * 20 };
}

/** The sequence numbers written, in order, by what `nameOf` says. */
function writtenBy(
  world: FlowWorld,
  service: string,
  written: ReadonlySet<readonly SeenRecord[]>,
  nameOf: (record: SeenRecord) => string,
): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const { records } of world.callsOf(service)) {
    if (!written.has(records)) continue;
    for (const record of records) {
      const name = nameOf(record);
      const list = found.get(name) ?? [];
      found.set(name, list);
      list.push(Number(record.id.sequenceNumber));
    }
  }
  return found;
}

function assertRising(lists: Iterable<readonly number[]>): void {
  for (const list of lists) {
    assertEquals(list, [...list].sort((a, b) => a - b));
  }
}

Deno.test("Flow keeps the order of each partition through retries, where stages have one lane", () => {
  const world = new FlowWorld({}, 7);
  const random = seededRandom(11);
  const written = new Set<readonly SeenRecord[]>();
  world.serve("enrich", flaky(passesOn, random));
  world.serve(
    "archive",
    flaky((records) => {
      written.add(records);
      return writesAll(records);
    }, random),
  );
  const few = { ...batches(7), ...retries(3, 20) };
  world.flow.setPipeline(validPipeline({
    stages: [
      stage("orders", "source"),
      stage("enrich", "transform", few),
      stage("archive", "sink", few),
    ],
    edges: [edge("orders", "enrich"), edge("enrich", "archive")],
  }));
  const source = world.source();
  for (let n = 1; n <= 600; n++) {
    source.push([order(n, { partition: n % 3 })]);
    world.time.pass(random() * 3);
  }
  assert(world.time.runUntil(() => source.told.length === 600));
  const lists = writtenBy(
    world,
    "archive",
    written,
    ({ id }) => `${id.partition}`,
  );
  assertEquals([...lists.values()].flat().length, 600);
  assertRising(lists.values());
  world.flow.close();
});

Deno.test("Flow keeps the order of each key where a stage has many lanes, and a retry holds its lane only", () => {
  const world = new FlowWorld({}, 7);
  const random = seededRandom(12);
  const written = new Set<readonly SeenRecord[]>();
  world.serve(
    "archive",
    flaky((records) => {
      written.add(records);
      return writesAll(records);
    }, random),
  );
  world.flow.setPipeline(
    straight({ ...batches(7), ...retries(3, 20), parallelism: 8 }),
  );
  const source = world.source();
  for (let n = 1; n <= 600; n++) {
    const key = encoder.encode(`customer-${n % 40}`);
    source.push([order(n, { partition: n % 3, key })]);
    world.time.pass(random() * 3);
  }
  assert(world.time.runUntil(() => source.told.length === 600));
  const lists = writtenBy(
    world,
    "archive",
    written,
    ({ key }) => decoder.decode(key),
  );
  assertEquals(lists.size, 40);
  assertRising(lists.values());
  world.flow.close();
});

Deno.test("Flow lets the other lanes go on while one has a record to try again", () => {
  const world = new FlowWorld();
  world.serve("archive", (records) => ({
    results: records.map(({ id, key }) => ({
      recordId: id,
      success: decoder.decode(key) !== "bad",
      retryable: true,
    })),
  }));
  world.flow.setPipeline(
    straight({ ...batches(1, 0), ...retries(5, 10_000), parallelism: 16 }),
  );
  const source = world.source();
  source.push([order(1, { key: encoder.encode("bad") })]);
  for (let n = 2; n <= 101; n++) {
    source.push([order(n, { key: encoder.encode(`good-${n}`) })]);
  }
  world.time.pass(200);
  assert(source.told.length >= 85, `${source.told.length} went on`);
  assert(world.time.runUntil(() => source.told.length === 101));
  assertEquals(world.letters.length, 1);
  world.flow.close();
});

Deno.test("Flow sends the records of one key to one instance, where the stage balances by consistent hash", () => {
  const world = new FlowWorld();
  for (let n = 0; n < 4; n++) world.serve("archive", writesAll);
  const selector = {
    serviceName: "archive",
    groupId: "",
    labels: {},
    loadBalance: 4,
  };
  world.flow.setPipeline(straight({ serviceSelector: selector }));
  const source = world.source();
  for (let round = 0; round < 5; round++) {
    source.push(
      Array.from(
        { length: 100 },
        (_, n) => order(round * 100 + n + 1, { key: encoder.encode(`k${n}`) }),
      ),
    );
    world.time.pass(100);
  }
  assertEquals(source.told.length, 500);
  const instances = new Map<string, Set<string>>();
  for (const { instance, records } of world.calls) {
    for (const { key } of records) {
      const name = decoder.decode(key);
      const set = instances.get(name) ?? new Set();
      instances.set(name, set.add(instance));
    }
  }
  for (const set of instances.values()) assertEquals(set.size, 1);
  assertEquals(new Set(world.calls.map(({ instance }) => instance)).size, 4);
  world.flow.close();
});
