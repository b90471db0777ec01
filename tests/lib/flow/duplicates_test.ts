import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import {
  failsWith,
  FlowWorld,
  order,
  orders,
  passesOn,
  type SeenRecord,
  writesAll,
} from "../../fixtures/flow_world.ts";
import { retries, straight, through } from "../../fixtures/flow_pipelines.ts";

Deno.test("Flow joins a record that comes again while it is in flight, from whatever stream, and acks both once it is settled", () => {
  const world = new FlowWorld();
  world.serve(
    "archive",
    (records) => ({ ...writesAll(records), afterMs: 500 }),
  );
  world.flow.setPipeline(straight());
  const first = world.source();
  const second = world.source();
  first.push(orders(1, 3));
  world.time.pass(100);
  second.push(orders(2, 4));
  first.push(orders(1, 1));
  world.time.pass(300);
  assertEquals([first.told, second.told], [[], []]);
  assert(world.time.runUntil(() => second.told.length === 3, 2_000));
  assertEquals(first.outcomes(), Array(4).fill("Accepted"));
  assertEquals(second.outcomes(), Array(3).fill("Accepted"));
  assertEquals(world.sequencesOf("archive"), [[1, 2, 3], [4]]);
  assertEquals(world.flow.counters.joined, 3);
  assertEquals(world.flow.underWay, { records: 0, bytes: 0, partitions: 1 });
  world.flow.close();
});

Deno.test("Flow calls a record a duplicate that is settled, by its window or by the committed offset", () => {
  const world = new FlowWorld();
  world.committed.set("orders/0", 100n);
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push(orders(99, 102));
  assertEquals(source.outcomes(), ["Duplicate", "Duplicate"]);
  world.time.pass(20);
  source.push(orders(101, 102));
  assertEquals(source.outcomes(101), ["Accepted", "Duplicate"]);
  assertEquals(world.sequencesOf("archive"), [[101, 102]]);
  // Somebody else has taken the partition further.
  world.flow.offsetRaised("orders", 0, 200n);
  source.push([order(200), order(201)]);
  assertEquals(source.outcomes(200), ["Duplicate"]);
  world.time.pass(20);
  assertEquals(source.outcomes(201), ["Accepted"]);
  world.flow.close();
});

Deno.test("Flow takes records whose sequence numbers have gaps, and those of 2^53 and 2^64 - 1 exactly", () => {
  const top = 2n ** 64n - 1n;
  const sequences = [
    0n,
    5n,
    2n ** 32n,
    2n ** 53n,
    2n ** 53n + 1n,
    top - 1n,
    top,
  ];
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.serve("enrich", passesOn);
  world.flow.setPipeline(through("transform"));
  const source = world.source();
  source.push(sequences.map((sequence) => order(sequence)));
  world.time.pass(500);
  assertEquals(
    world.callsOf("archive")[0]!.records.map(({ id }) => id.sequenceNumber),
    sequences,
  );
  assertEquals(source.outcomes(), sequences.map(() => "Accepted"));
  assertEquals(world.committed.get("orders/0"), top);
  source.push([order(top), order(2n ** 60n)]);
  assertEquals(source.outcomes().slice(-2), ["Duplicate", "Duplicate"]);
  world.flow.close();
});

Deno.test("Flow commits the contiguous settled part of a partition, and never past a record in flight", () => {
  const world = new FlowWorld();
  world.serve("archive", (records) => ({
    results: records.map(({ id }) => ({
      recordId: id,
      success: id.sequenceNumber !== 5n,
      retryable: true,
    })),
  }));
  world.flow.setPipeline(straight(retries(4, 2_000)));
  const source = world.source();
  source.push(orders(1, 10));
  world.time.pass(1_000);
  assertEquals(world.committed.get("orders/0"), 4n);
  source.push(orders(11, 20));
  world.time.pass(500);
  assertEquals(world.committed.get("orders/0"), 4n);
  assert(world.time.runUntil(() => source.told.length === 20));
  world.time.pass(500);
  assertEquals(world.committed.get("orders/0"), 20n, "the letter is kept");
  assertEquals(world.letters.length, 1);
  world.flow.close();
});

Deno.test("Flow commits what gathered in 200 ms at once, and again what could not be committed", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  const source = world.source();
  for (let n = 0; n < 100; n++) {
    source.push([order(n + 1, { partition: n % 10 })]);
    world.time.pass(10);
  }
  world.time.pass(300);
  assert(world.flow.counters.offsetCommits <= 7, "about one in 200 ms");
  assertEquals(world.committed.get("orders/9"), 100n);
  world.commitRefused = Code.Unavailable;
  source.push([order(101)]);
  world.time.pass(20_000);
  assertEquals(source.outcomes(101), ["Accepted"], "acks do not wait");
  assert(world.flow.counters.offsetCommitFailures >= 3);
  world.commitRefused = undefined;
  world.time.pass(6_000);
  assertEquals(world.committed.get("orders/0"), 101n);
  world.flow.close();
});

Deno.test("Flow commits at once what a source has heard acks of that asks where to go on, or has left", async () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  const source = world.source();
  const heard = (count: number): void =>
    assert(world.time.runUntil(() => source.told.length === count, 50));
  source.push([order(1)]);
  heard(1);
  assertEquals(world.committed.size, 0);
  await world.flow.commitOffsets("tills");
  assertEquals(
    world.committed.size,
    0,
    "nothing of that one is to be committed",
  );
  const asked = world.flow.commitOffsets("orders");
  world.time.pass(1);
  await asked;
  assertEquals(world.committed.get("orders/0"), 1n);
  source.push([order(2)]);
  heard(2);
  source.session.close();
  world.time.pass(1);
  assertEquals(world.committed.get("orders/0"), 2n);
  world.flow.close();
});

Deno.test("Flow answers who asks for a commit though others go on, and when it cannot commit", async () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  const source = world.source();
  const more = (n: number): void => {
    source.push([order(n)]);
    assert(world.time.runUntil(() => source.told.length === n, 50));
  };
  more(1);
  // One is under way when the next is raised, and another when that is asked for.
  void world.flow.commitOffsets("orders");
  more(2);
  const asked = world.flow.commitOffsets("orders");
  more(3);
  await asked;
  assert(world.committed.get("orders/0")! >= 2n);
  world.commitRefused = Code.Unavailable;
  more(4);
  const refused = world.flow.commitOffsets("orders");
  world.time.pass(1);
  await refused;
  assert(world.committed.get("orders/0")! <= 3n);
  const left = world.flow.commitOffsets("orders");
  world.flow.close();
  await left;
});

Deno.test("Flow tries a commit that fails again with pauses, however many records settle meanwhile", () => {
  const world = new FlowWorld({ offsetCommitRecords: 10 });
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  world.commitRefused = Code.Unavailable;
  const source = world.source();
  for (let n = 0; n < 200; n++) {
    source.push(orders(1, 20, { partition: n }));
    world.time.pass(10);
  }
  assertEquals(source.told.length, 4_000);
  assert(world.flow.counters.offsetCommitFailures < 10);
  world.flow.close();
});

Deno.test("Flow forgets a refused record in time, and never commits an offset that only refused ones would raise", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  const source = world.source();
  source.push(orders(1, 10));
  assertEquals(source.told[0]!.reason, "NoPipeline");
  world.time.pass(200_000);
  assertEquals(world.committed.get("orders/0"), undefined);
  world.flow.setPipeline(straight());
  source.push(orders(1, 5));
  world.time.pass(500);
  assertEquals(source.outcomes(5), ["Rejected", "Accepted"]);
  assertEquals(world.committed.get("orders/0"), 5n);
  // A refused one that does not come again holds later ones back for a while only.
  void world.flow.removePipeline("orders");
  source.push([order(6)]);
  world.flow.setPipeline(straight());
  source.push([order(7)]);
  world.time.pass(1_000);
  assertEquals(world.committed.get("orders/0"), 5n);
  world.time.pass(70_000);
  assertEquals(world.committed.get("orders/0"), 7n);
  world.flow.close();
});

Deno.test("Flow commits on past records that were given back with their pipeline, once their time is over", () => {
  const world = new FlowWorld();
  world.serve("archive", failsWith(Code.Unavailable));
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push(orders(1, 3));
  world.time.pass(100);
  void world.flow.removePipeline("orders");
  world.flow.giveUpPipeline("orders");
  assertEquals(source.told.map(({ reason }) => reason), [
    "PipelineRemoved",
    "PipelineRemoved",
    "PipelineRemoved",
  ]);
  world.stop("archive");
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  source.push([order(2), order(4)]);
  world.time.pass(30_000);
  assertEquals(source.outcomes(2, 4).slice(1), ["Accepted", "Accepted"]);
  assertEquals(world.committed.get("orders/0"), undefined);
  world.time.pass(40_000);
  assertEquals(world.committed.get("orders/0"), 4n);
  world.flow.close();
});

Deno.test("Flow keeps 10,000 partitions apart", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  const source = world.source();
  for (let from = 0; from < 10_000; from += 1_000) {
    source.push(
      Array.from(
        { length: 1_000 },
        (_, i) => order(7, { partition: from + i }),
      ),
    );
    world.time.pass(10);
  }
  assertEquals(source.outcomes().length, 10_000);
  assertEquals(source.outcomes().filter((o) => o !== "Accepted"), []);
  world.time.pass(1_000);
  assertEquals(world.committed.size, 10_000);
  source.push(
    Array.from({ length: 100 }, (_, i) => order(7, { partition: i * 100 })),
  );
  assertEquals(source.outcomes().slice(10_000), Array(100).fill("Duplicate"));
  assertEquals(world.flow.underWay.records, 0);
  world.flow.close();
});

Deno.test("Flow forgets idle partitions to make room for others, and still knows their duplicates", () => {
  const world = new FlowWorld({ partitionsTrackedMax: 100 });
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  const source = world.source();
  for (let partition = 0; partition < 1_000; partition += 50) {
    source.push(
      Array.from(
        { length: 50 },
        (_, i) => order(7, { partition: partition + i }),
      ),
    );
    world.time.pass(1_100);
    assert(world.flow.underWay.partitions <= 100);
  }
  assertEquals(source.outcomes().filter((o) => o !== "Accepted"), []);
  source.push([order(7, { partition: 3 }), order(8, { partition: 3 })]);
  world.time.pass(20);
  assertEquals(source.outcomes().slice(-2), ["Duplicate", "Accepted"]);
  world.flow.close();
});

Deno.test("Flow forgets no partition before its offset is committed", () => {
  for (let ms = 0; ms <= 200; ms += 10) {
    const world = new FlowWorld({ partitionsTrackedMax: 1 });
    world.serve("archive", writesAll);
    world.flow.setPipeline(straight());
    const source = world.source();
    source.push([order(1)]);
    assert(world.time.runUntil(() => source.told.length === 1));
    world.time.pass(ms);
    assertEquals(world.committed.size, 0);
    source.push([order(1, { partition: 1 })]);
    source.push([order(1)]);
    assertEquals(source.told.at(-1)!.outcome, "Duplicate", `after ${ms} ms`);
    world.flow.close();
  }
});

Deno.test("Flow takes no record for a duplicate that was refused for lack of room for its partition", () => {
  const world = new FlowWorld({ partitionsTrackedMax: 2 });
  world.serve("archive", writesAll);
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push([0, 1].map((partition) => order(1, { partition })));
  source.push([order(4, { partition: 2 })]);
  assertEquals(source.told[0]!.reason, "TooManyPartitions");
  world.time.pass(2_000);
  source.push([order(5, { partition: 2 })]);
  world.time.pass(2_000);
  assertEquals(world.committed.get("orders/2"), undefined);
  source.push([order(4, { partition: 2 })]);
  world.time.pass(2_000);
  assertEquals(source.outcomes(4), ["Rejected", "Accepted"]);
  assertEquals(source.outcomes(5), ["Accepted"]);
  world.time.pass(60_000);
  assertEquals(world.committed.get("orders/2"), 5n);
  world.flow.close();
});

Deno.test("Flow gives each record one idempotency key, the same over retries and restarts, where the sink delivers exactly once", () => {
  const keysOf = (failures: number): Map<string, string> => {
    const world = new FlowWorld();
    const keys = new Map<string, string>();
    let left = failures;
    world.serve("archive", (records: readonly SeenRecord[]) => {
      for (const { id, payload } of records) {
        const name = `${id.sequenceNumber}/${payload[0]}`;
        const key = id.idempotencyKey.toString();
        assert(key.length > 0);
        assertEquals(keys.get(name) ?? key, key, "the same in every attempt");
        keys.set(name, key);
      }
      return left-- > 0 ? { error: Code.Unavailable } : writesAll(records);
    }, { exactlyOnce: true });
    // Each record is split in two.
    world.serve("enrich", (records) => ({
      results: records.map((record) => ({
        originalId: record.id,
        status: 4,
        outputRecords: [1, 2].map((part) => ({
          ...record,
          payload: Uint8Array.of(part),
        })),
      })),
    }));
    world.flow.setPipeline(through("transform", {}, retries(2, 10)));
    const source = world.source();
    source.push(orders(1, 20));
    assert(world.time.runUntil(() => source.told.length === 20, 5_000));
    world.flow.close();
    return keys;
  };
  const keys = keysOf(3);
  assertEquals(keys.size, 40);
  assertEquals(new Set(keys.values()).size, 40, "no two records share one");
  assertEquals(keysOf(0), keys);
  assertNotEquals(keys.get("1/1"), keys.get("1/2"));
});

Deno.test("Flow leaves an idempotency key that a record came with as it is", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll, { exactlyOnce: true });
  world.flow.setPipeline(straight());
  const source = world.source();
  const idempotencyKey = Uint8Array.of(1, 2, 3);
  const record = order(1);
  source.push([{ ...record, id: { ...record.id as object, idempotencyKey } }]);
  world.time.pass(20);
  const [written] = world.callsOf("archive")[0]!.records;
  assertEquals([...written!.id.idempotencyKey], [1, 2, 3]);
  world.flow.close();
});
