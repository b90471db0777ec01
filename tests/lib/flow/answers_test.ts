import { assert, assertEquals } from "@std/assert";
import {
  FlowWorld,
  order,
  orders,
  passesOn,
  type SeenRecord,
  type Service,
  writesAll,
} from "../../fixtures/flow_world.ts";
import { retries, straight, through } from "../../fixtures/flow_pipelines.ts";
import type { Fields } from "../../fixtures/record_messages.ts";

const stranger = { sourceId: "nobody", partition: 7, sequenceNumber: 99n };

/** What may be wrong with a list of results. */
const distortions: Readonly<
  Record<string, (results: readonly Fields[]) => readonly Fields[]>
> = {
  "too few results": (results) => results.slice(0, -2),
  "no results": () => [],
  "results twice": (results) => results.flatMap((result) => [result, result]),
  "results in another order": (results) => [...results].reverse(),
  "results about strangers": (
    results,
  ) => [
    ...results,
    { ...results[0]!, originalId: stranger, recordId: stranger },
  ],
  "only results about strangers": (results) =>
    results.map((result) => ({
      ...result,
      originalId: stranger,
      recordId: stranger,
    })),
  "results without an id": (results) =>
    results.map(({ originalId: _1, recordId: _2, ...rest }) => rest),
};

/** Answers so on the first call for records, and well on the next. */
function oddAtFirst(
  service: Service,
  distort: (results: readonly Fields[]) => readonly Fields[],
  seen: Set<bigint> = new Set(),
): Service {
  return (records) => {
    const isNew = records.some(({ id }) => !seen.has(id.sequenceNumber));
    for (const { id } of records) seen.add(id.sequenceNumber);
    const plan = service(records);
    // A status of its own: one without results must not stand for all records.
    return isNew
      ? { ...plan, status: 2, results: distort(plan.results!) }
      : plan;
  };
}

for (const [name, distort] of Object.entries(distortions)) {
  Deno.test(`Flow survives a transform that answers with ${name}: each record reaches the sink once`, () => {
    const world = new FlowWorld();
    world.serve("archive", writesAll);
    world.serve("enrich", oddAtFirst(passesOn, distort));
    world.flow.setPipeline(through("transform"));
    const source = world.source();
    source.push(orders(1, 10));
    assert(world.time.runUntil(() => source.told.length === 10, 5_000));
    assertEquals(
      world.sequencesOf("archive").flat().sort((a, b) => a - b),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    assertEquals(world.letters, []);
    assertEquals(world.flow.underWay.bytes, 0);
    world.flow.close();
  });

  Deno.test(`Flow survives a sink that answers with ${name}: no record is acked without a result`, () => {
    const world = new FlowWorld();
    const confirmed = new Set<bigint>();
    const service = oddAtFirst(writesAll, distort);
    world.serve("archive", (records) => {
      const plan = service(records);
      for (const { recordId } of plan.results ?? []) {
        const id = recordId as SeenRecord["id"] | undefined;
        if (id?.sourceId === "orders") confirmed.add(id.sequenceNumber);
      }
      return plan;
    });
    world.flow.setPipeline(straight());
    const source = world.source();
    source.push(orders(1, 10));
    assert(world.time.runUntil(() => source.told.length === 10, 5_000));
    assertEquals(confirmed.size, 10);
    assertEquals(source.outcomes().filter((o) => o !== "Accepted"), []);
    assertEquals(world.flow.underWay.bytes, 0);
    world.flow.close();
  });

  Deno.test(`Flow survives a lookup that answers with ${name}`, () => {
    const world = new FlowWorld();
    world.serve("archive", writesAll);
    const finds: Service = (records) => ({
      results: records.map(({ id }) => ({
        originalId: id,
        status: 1,
        lookupData: { n: new TextEncoder().encode(`${id.sequenceNumber}`) },
      })),
    });
    world.serve("enrich", oddAtFirst(finds, distort));
    world.flow.setPipeline(through("lookup"));
    const source = world.source();
    source.push(orders(1, 10));
    assert(world.time.runUntil(() => source.told.length === 10, 5_000));
    const written = world.callsOf("archive").flatMap(({ records }) => records);
    assertEquals(written.length, 10);
    for (const { id, metadata } of written) {
      assertEquals(metadata.n, `${id.sequenceNumber}`);
    }
    world.flow.close();
  });
}

Deno.test("Flow gives up the record about which its transform never says anything, and counts results about strangers", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.serve("enrich", (records) => ({
    results: [
      ...passesOn(records).results!.filter((_, i) =>
        records[i]!.id.sequenceNumber !== 4n
      ),
      { originalId: stranger, status: 1, outputRecords: [order(50)] },
    ],
  }));
  world.flow.setPipeline(through("transform", retries(3, 10)));
  const source = world.source();
  source.push(orders(1, 5));
  assert(world.time.runUntil(() => source.told.length === 5, 5_000));
  const [letter] = world.letters;
  assertEquals(
    [letter!.stageId, letter!.errorCode, letter!.attempts],
    ["enrich", "DATA_LOSS", 3],
  );
  assertEquals(world.sequencesOf("archive").flat().sort(), [1, 2, 3, 5]);
  world.flow.close();
});

Deno.test("Flow retries a record whose transform says error or no status, and gives it up with the transform's words", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.serve("enrich", (records) => ({
    results: passesOn(records).results!.map((result, i) => ({
      ...result,
      status: [3, 0, 1][i % 3],
      errorMessage: "no such currency",
    })),
  }));
  world.flow.setPipeline(through("transform", retries(2, 10)));
  const source = world.source();
  source.push(orders(1, 2));
  assert(world.time.runUntil(() => source.told.length === 2, 5_000));
  assertEquals(
    world.letters.map(({ errorCode, errorMessage, attempts }) => [
      errorCode,
      errorMessage,
      attempts,
    ]),
    [
      ["INVALID_ARGUMENT", "no such currency", 2],
      ["INVALID_ARGUMENT", "no such currency", 2],
    ],
  );
  world.flow.close();
});

Deno.test("Flow gives up a record whose transform says success and gives no record, and drops one that is filtered", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.serve("enrich", (records) => ({
    results: records.map(({ id }) => ({
      originalId: id,
      status: id.sequenceNumber === 1n ? 1 : 2,
    })),
  }));
  world.flow.setPipeline(through("transform"));
  const source = world.source();
  source.push(orders(1, 2));
  assert(world.time.runUntil(() => source.told.length === 2, 60_000));
  assertEquals(
    world.letters.map(({ errorCode, errorMessage }) =>
      `${errorCode} ${errorMessage}`
    ),
    ["DATA_LOSS the transform said that it succeeded, and gave no record"],
  );
  assertEquals(world.sequencesOf("archive").flat(), []);
  world.flow.close();
});

Deno.test("Flow holds nothing of a service whose answers are not protobuf against the records", () => {
  const world = new FlowWorld();
  let broken = true;
  world.serve(
    "archive",
    (records) =>
      broken
        ? { bytes: Uint8Array.of(0xff, 0xff, 0xff), results: [] }
        : writesAll(records),
  );
  world.flow.setPipeline(straight(retries(2, 10)));
  const source = world.source();
  source.push(orders(1, 100));
  world.time.pass(50);
  broken = false;
  assert(world.time.runUntil(() => source.told.length === 100, 20_000));
  assert(world.letters.length <= 3, `${world.letters.length}`);
  for (const { errorCode } of world.letters) {
    assertEquals(errorCode, "INTERNAL");
  }
  world.flow.close();
});

Deno.test("Flow takes a sink's status of the batch where it gives no results", () => {
  for (
    const [status, outcomes, letters] of [
      [1, ["Accepted", "Accepted"], 0],
      [3, ["Accepted", "Accepted"], 2],
      [0, ["Accepted", "Accepted"], 2],
    ] as const
  ) {
    const world = new FlowWorld();
    world.serve("archive", () => ({ status }));
    world.flow.setPipeline(straight(retries(2, 10)));
    const source = world.source();
    source.push(orders(1, 2));
    assert(world.time.runUntil(() => source.told.length === 2, 5_000));
    assertEquals(source.outcomes(), outcomes);
    assertEquals(world.letters.length, letters, `status ${status}`);
    world.flow.close();
  }
});

Deno.test("Flow doubts a sink that fails batch after batch without a word about any record", () => {
  const world = new FlowWorld();
  let broken = true;
  world.serve(
    "archive",
    (records) => broken ? { status: 3 } : writesAll(records),
  );
  world.flow.setPipeline(straight(retries(2, 100)));
  const source = world.source();
  source.push(orders(1, 1_000));
  world.time.pass(10_000);
  assert(world.letters.length < 20, `${world.letters.length} were given up`);
  const { trouble } = world.flow.report("orders")!.stages.get("archive")!;
  assertEquals(world.flow.troubledIds, ["orders"]);
  assertEquals(
    trouble?.message,
    "Cannot write batch: the sink failed, and gave no result for any record",
  );
  broken = false;
  assert(world.time.runUntil(() => source.told.length === 1_000, 60_000));
  assertEquals(world.flow.troubledIds, []);
  world.flow.close();
});

Deno.test("Flow takes no output record from a transform that does not say whose it is", () => {
  // All are so, each alone in its result; or one of several.
  for (const some of [[1, 2, 3], [2]]) {
    const world = new FlowWorld();
    world.serve("archive", writesAll);
    world.serve("enrich", (records) => ({
      results: passesOn(records).results!.map((result, i) =>
        some.includes(Number(records[i]!.id.sequenceNumber))
          ? { ...result, outputRecords: [{ payload: new Uint8Array(1) }] }
          : result
      ),
    }));
    world.flow.setPipeline(through("transform", retries(2, 10)));
    const source = world.source();
    source.push(orders(1, 3));
    assert(world.time.runUntil(() => source.told.length === 3, 10_000));
    assertEquals(world.letters.length, some.length);
    for (const { errorCode, errorMessage } of world.letters) {
      assertEquals(errorCode, "DATA_LOSS");
      assert(errorMessage.includes("without id.source_id"), errorMessage);
    }
    assertEquals(world.sequencesOf("archive").flat().length, 3 - some.length);
    world.flow.close();
  }
});
