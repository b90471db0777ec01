import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { stageQueueBytesMax } from "../../../lib/limits.ts";
import type { Stage } from "../../../proto/messages/router.ts";
import { LookupMissPolicy } from "../../../proto/messages/router.ts";
import {
  FlowWorld,
  order,
  orders,
  type Service,
  writesAll,
} from "../../fixtures/flow_world.ts";
import {
  batches,
  duration,
  retries,
  through,
} from "../../fixtures/flow_pipelines.ts";

const encoder = new TextEncoder();

/** Finds the name of every city but of "nowhere"; fails on "war". */
const cities: Service = (records) => ({
  results: records.map(({ id, metadata }) => {
    const { city } = metadata;
    if (city === "nowhere") return { originalId: id, status: 2 };
    if (city === "war") {
      return { originalId: id, status: 3, errorMessage: "no peace" };
    }
    return {
      originalId: id,
      status: 1,
      lookupData: {
        name: encoder.encode(`City of ${city}`),
        size: encoder.encode("7"),
      },
    };
  }),
});

function lookup(
  onMiss: LookupMissPolicy,
  cacheMs = 0,
  cacheEntries = 100,
): Partial<Stage> {
  return {
    lookup: {
      keyFields: ["city"],
      outputPrefix: "city.",
      onMiss,
      cacheTtl: duration(cacheMs),
      cacheEntries,
    },
  };
}

function visit(sequence: number, city: string) {
  return order(sequence, { metadata: { city, visitor: `v${sequence}` } });
}

Deno.test("Flow merges what a lookup found into the metadata, under the prefix, and passes misses on", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.serve("enrich", cities);
  world.flow.setPipeline(
    through("lookup", lookup(LookupMissPolicy.PassThrough)),
  );
  const source = world.source();
  source.push([visit(1, "bern"), visit(2, "nowhere"), visit(3, "ulm")]);
  assert(world.time.runUntil(() => source.told.length === 3, 100));
  assertEquals(
    world.callsOf("archive")[0]!.records.map(({ metadata }) => metadata),
    [
      {
        city: "bern",
        visitor: "v1",
        "city.name": "City of bern",
        "city.size": "7",
      },
      { city: "nowhere", visitor: "v2" },
      {
        city: "ulm",
        visitor: "v3",
        "city.name": "City of ulm",
        "city.size": "7",
      },
    ],
  );
  assertEquals(world.callsOf("enrich")[0]!.request.keyFields, ["city"]);
  assertEquals(world.flow.underWay, { records: 0, bytes: 0, partitions: 1 });
  assertEquals(
    world.released.size,
    3,
    "the batch, the answer, what was merged",
  );
  world.flow.close();
});

Deno.test("Flow drops and counts misses, or retries and dead-letters them, as the stage says", () => {
  for (const onMiss of [LookupMissPolicy.Drop, LookupMissPolicy.Error]) {
    const world = new FlowWorld();
    world.serve("archive", writesAll);
    world.serve("enrich", cities);
    world.flow.setPipeline(
      through("lookup", { ...lookup(onMiss, 60_000), ...retries(3, 10) }),
    );
    const source = world.source();
    source.push([visit(1, "bern"), visit(2, "nowhere"), visit(3, "ulm")]);
    assert(world.time.runUntil(() => source.told.length === 3, 1_000));
    assertEquals(world.sequencesOf("archive").flat(), [1, 3]);
    const drops = onMiss === LookupMissPolicy.Drop;
    assertEquals(world.flow.counters.dropped, drops ? 1 : 0);
    assertEquals(
      world.letters.map(({ errorCode, attempts }) => [errorCode, attempts]),
      drops ? [] : [["NOT_FOUND", 3]],
    );
    assertEquals(world.callsOf("enrich").length, drops ? 1 : 3);
    world.flow.close();
  }
});

Deno.test("Flow retries a record on which the lookup fails, and gives it up with the lookup's words", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.serve("enrich", cities);
  world.flow.setPipeline(through("lookup", {
    ...lookup(LookupMissPolicy.PassThrough, 60_000),
    ...retries(2, 10),
  }));
  const source = world.source();
  source.push([visit(1, "war"), visit(2, "bern")]);
  assert(world.time.runUntil(() => source.told.length === 2, 1_000));
  assertEquals(world.sequencesOf("enrich"), [[1, 2], [1]]);
  assertEquals(world.letters[0]!.errorMessage, "no peace");
  world.flow.close();
});

Deno.test("Flow gives a record up with what the lookup said last, whatever it said before", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  let calls = 0;
  world.serve("enrich", ([record]) => {
    const originalId = record!.id;
    return {
      results: calls++ === 0
        ? [{ originalId, status: 2 }]
        : [{ originalId, status: 3, errorMessage: "no peace" }],
    };
  });
  world.flow.setPipeline(
    through("lookup", { ...lookup(LookupMissPolicy.Error), ...retries(2, 10) }),
  );
  const source = world.source();
  source.push([visit(1, "bern")]);
  assert(world.time.runUntil(() => source.told.length === 1, 1_000));
  assertEquals(world.letters[0]!.errorMessage, "no peace");
  world.flow.close();
});

Deno.test("Flow asks a lookup only for what its cache does not know, misses too, and asks again when it is old", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.serve("enrich", cities);
  world.flow.setPipeline(
    through("lookup", lookup(LookupMissPolicy.PassThrough, 10_000)),
  );
  const source = world.source();
  source.push([visit(1, "bern"), visit(2, "nowhere")]);
  world.time.pass(50);
  source.push([visit(3, "nowhere"), visit(4, "ulm"), visit(5, "bern")]);
  world.time.pass(50);
  source.push([visit(6, "bern"), visit(7, "nowhere")]);
  world.time.pass(50);
  assertEquals(world.sequencesOf("enrich"), [[1, 2], [4]]);
  assertEquals(source.told.length, 7);
  const names = world.callsOf("archive").flatMap(({ records }) =>
    records.map(({ metadata }) => metadata["city.name"])
  );
  assertEquals(names.filter((name) => name === "City of bern").length, 3);
  world.time.pass(10_000);
  source.push([visit(8, "bern")]);
  world.time.pass(50);
  assertEquals(world.sequencesOf("enrich").at(-1), [8]);
  // A record without the key field is asked for each time.
  source.push([order(9), order(10)]);
  world.time.pass(50);
  source.push([order(11)]);
  world.time.pass(50);
  assertEquals(world.sequencesOf("enrich").slice(-2), [[9, 10], [11]]);
  world.flow.close();
});

Deno.test("Flow keeps no more answers than the stage allows", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.serve("enrich", cities);
  world.flow.setPipeline(
    through("lookup", lookup(LookupMissPolicy.PassThrough, 60_000, 2)),
  );
  const source = world.source();
  for (const [i, city] of ["a", "b", "a", "c", "a", "b"].entries()) {
    source.push([visit(i + 1, city)]);
    world.time.pass(50);
  }
  assertEquals(world.sequencesOf("enrich"), [[1], [2], [4], [6]]);
  world.flow.close();
});

Deno.test("Flow waits before a stage that is full also where the lookup before it has all answers at hand", () => {
  const world = new FlowWorld();
  let written = 0;
  world.serve("archive", (records) => {
    written += records.length;
    return { ...writesAll(records), afterMs: 3 };
  });
  world.serve("enrich", cities);
  world.flow.setPipeline(through(
    "lookup",
    { ...lookup(LookupMissPolicy.PassThrough, 60_000), ...batches(10, 1) },
    { ...batches(10, 1), queueRecords: 10 },
  ));
  const source = world.source();
  source.push([visit(1, "bern")]);
  world.time.pass(50);
  for (let n = 2; n <= 300; n++) source.push([visit(n, "bern")]);
  assert(world.time.runUntil(() => source.told.length === 300, 10_000));
  assertEquals(written, 300, "each once");
  assertEquals(world.callsOf("enrich").length, 1);
  assertEquals(
    world.sequencesOf("archive").flat(),
    Array.from({ length: 300 }, (_, i) => i + 1),
  );
  const { stages } = world.flow.report("orders")!;
  assertEquals([...stages.values()].map(({ buffered }) => buffered), [0, 0, 0]);
  assertEquals(world.flow.underWay, { records: 0, bytes: 0, partitions: 1 });
  world.flow.close();
});

Deno.test("Flow holds a bounded part of what a lookup makes of one batch, and all of it arrives", () => {
  const found = new Uint8Array(4 * 1024 * 1024).fill(0x61);
  let open = false;
  const world = new FlowWorld();
  // Larger than a message may be, unless few are asked for.
  world.serve(
    "enrich",
    (records) =>
      records.length > 2 ? { error: Code.ResourceExhausted } : {
        results: records.map(({ id }) => ({
          originalId: id,
          status: 1,
          lookupData: { found },
        })),
      },
  );
  world.serve(
    "archive",
    (records) => open ? writesAll(records) : { error: Code.Unavailable },
  );
  world.flow.setPipeline(through("lookup", batches(100, 1)));
  const source = world.source();
  source.push(orders(1, 40));
  world.time.pass(10_000);
  assertEquals(source.told.length, 0);
  // What waits at the sink, what it works on, and one more answer.
  const boundBytes = stageQueueBytesMax + 4 * found.length;
  assert(world.flow.underWay.bytes <= boundBytes);
  open = true;
  for (let n = 0; source.told.length < 40 && n < 100; n++) {
    world.time.pass(1_000);
    assert(world.flow.underWay.bytes <= boundBytes);
  }
  assertEquals(source.outcomes(), Array(40).fill("Accepted"));
  assertEquals(world.flow.underWay.bytes, 0);
  world.flow.close();
});
