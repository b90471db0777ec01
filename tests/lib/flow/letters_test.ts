import { assert, assertEquals, assertRejects } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { letterBytesAtOnce } from "../../../lib/limits.ts";
import type { Letter } from "../../../lib/delivery/ports.ts";
import type { Replay, ReplayOutcome } from "../../../lib/flow/replayer.ts";
import { edge, stage, validPipeline } from "../../fixtures/pipelines.ts";
import {
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
import { recordMessage } from "../../fixtures/record_messages.ts";

/** A sink that refuses all for good, while `broken`. */
function refusesAll(state: { broken: boolean }): Service {
  return (records) =>
    state.broken
      ? {
        results: records.map(({ id }) => ({
          recordId: id,
          success: false,
          error: "full of it",
        })),
      }
      : writesAll(records);
}

function replayOf(letter: Letter, more: Partial<Replay> = {}): Replay {
  // The flow's own, as a store reads it.
  const record = letter.record.slice();
  return { letterId: "letter-1", ...letter, record, ...more };
}

/** What becomes of a replay: looked at when time has passed. */
async function outcomeOf(
  world: FlowWorld,
  replay: Replay,
): Promise<ReplayOutcome> {
  const outcome = world.flow.replay(replay);
  world.time.pass(60_000);
  return await outcome;
}

Deno.test("Flow makes a dead letter of the record as it went into the stage", () => {
  const world = new FlowWorld();
  world.serve("archive", refusesAll({ broken: true }));
  world.serve("enrich", (records) => ({
    results: records.map((record) => ({
      originalId: record.id,
      status: 1,
      outputRecords: [{ ...record, metadata: { enriched: "yes" } }],
    })),
  }));
  world.flow.setPipeline(through("transform"));
  const source = world.source();
  source.push([order(7, { partition: 3 })]);
  assert(world.time.runUntil(() => source.told.length === 1));
  const [letter] = world.letters;
  assertEquals(letter!.pipelineId, "orders");
  assertEquals(letter!.stageId, "archive");
  assertEquals(letter!.errorMessage, "full of it");
  assertEquals(letter!.replayOf, undefined);
  assert(letter!.firstFailureMs > 1_700_000_000_000);
  const record = recordMessage.decode(letter!.record);
  assertEquals(record.metadata, { enriched: "yes" });
  assertEquals((record.id as { partition: number }).partition, 3);
  assertEquals(source.outcomes(), ["Accepted"], "a kept letter settles");
  world.flow.close();
});

Deno.test("Flow tells when a record failed first and last", () => {
  const world = new FlowWorld();
  world.serve("archive", (records) => ({
    results: records.map(({ id }) => ({
      recordId: id,
      success: false,
      retryable: true,
    })),
  }));
  world.flow.setPipeline(straight(retries(5, 100)));
  const source = world.source();
  const startMs = world.time.nowMs();
  source.push([order(1)]);
  assert(world.time.runUntil(() => world.letters.length === 1));
  const { firstFailureMs, lastFailureMs, attempts } = world.letters[0]!;
  assertEquals(attempts, 5);
  assertEquals(firstFailureMs, startMs + 6);
  assert(lastFailureMs - firstFailureMs >= 4 * 51);
  world.flow.close();
});

Deno.test("Flow acks no record before its letter is kept, and blocks the stage while the store is full", () => {
  const world = new FlowWorld();
  const state = { broken: true };
  world.serve("archive", refusesAll(state));
  world.flow.setPipeline(
    straight({ ...batches(10), ...retries(1, 100), queueRecords: 10 }),
  );
  world.lettersRefused = Code.ResourceExhausted;
  const source = world.source();
  source.push(orders(1, 100));
  world.time.pass(10_000);
  assertEquals(source.told, []);
  assert(world.callsOf("archive").length <= 2, "nothing more is sent");
  const { trouble, buffered } = world.flow.report("orders")!.stages
    .get("archive")!;
  assertEquals(trouble?.code, "RESOURCE_EXHAUSTED");
  assertEquals(buffered, 100);
  world.lettersRefused = undefined;
  state.broken = false;
  assert(world.time.runUntil(() => source.told.length === 100, 1_000));
  const kept = world.letters.length;
  assert(kept >= 10 && kept <= 20, `${kept}`);
  assertEquals(world.sequencesOf("archive").flat().length, 100);
  assertEquals(world.flow.underWay.bytes, 0);
  world.flow.close();
});

Deno.test("Flow acks the records of the letters for which there is room, and the others as there is more", () => {
  const world = new FlowWorld();
  world.serve("archive", refusesAll({ broken: true }));
  world.flow.setPipeline(straight({ ...batches(100), ...retries(1, 100) }));
  world.lettersMax = 10;
  const source = world.source();
  source.push(orders(1, 100));
  world.time.pass(1_000);
  const acked = () => source.told.map(({ sequence }) => sequence);
  assertEquals(acked(), world.letters.map((_, at) => at + 1));
  assertEquals(acked().length, 10);
  assertEquals(
    world.flow.report("orders")!.stages.get("archive")!.buffered,
    90,
  );
  world.lettersMax = 25;
  world.time.pass(200);
  assertEquals(acked().length, 25);
  world.lettersMax = 100;
  assert(world.time.runUntil(() => source.told.length === 100, 200));
  assertEquals(world.letters.length, 100);
  assertEquals(world.flow.underWay.bytes, 0);
  world.flow.close();
});

Deno.test("Flow counts the bytes of letters that wait, and takes no more than a bound of them", () => {
  const world = new FlowWorld({
    sourceBytesMax: 2 ** 30,
    bufferBytesMax: 2 ** 31,
  });
  world.serve("archive", refusesAll({ broken: true }));
  world.flow.setPipeline(straight({ ...batches(1, 0), ...retries(1, 100) }));
  world.lettersKeptAfterMs = 60_000;
  const source = world.source();
  const payload = new Uint8Array(1024 * 1024);
  for (let n = 1; n <= 64; n++) source.push([order(n, { payload })]);
  world.time.pass(30_000);
  assert(world.callsOf("archive").length < 32, "the stage waits");
  assert(world.flow.underWay.bytes >= 64 * 1024 * 1024, "all of it is counted");
  assert(world.time.runUntil(() => source.told.length === 64));
  assertEquals(world.flow.underWay, { records: 0, bytes: 0, partitions: 1 });
  assert(world.letterBytesAtOnce <= letterBytesAtOnce, "kept in parts");
  world.flow.close();
});

Deno.test("Flow sends a dead letter through again at its stage, and tells that it settled", async () => {
  const world = new FlowWorld();
  const state = { broken: true };
  world.serve("archive", refusesAll(state));
  world.serve("enrich", passesOn);
  world.flow.setPipeline(through("transform"));
  const source = world.source();
  source.push([order(1)]);
  assert(world.time.runUntil(() => source.told.length === 1));
  state.broken = false;
  const outcome = await outcomeOf(world, replayOf(world.letters[0]!));
  assertEquals(outcome, { kind: "settled" });
  assertEquals(world.callsOf("enrich").length, 1);
  assertEquals(world.sequencesOf("archive"), [[1], [1]]);
  // From the start of the pipeline it goes through the transform too.
  const again = replayOf(world.letters[0]!, { stageId: undefined });
  assertEquals(await outcomeOf(world, again), { kind: "settled" });
  assertEquals(world.callsOf("enrich").length, 2);
  assertEquals(world.flow.underWay, { records: 0, bytes: 0, partitions: 1 });
  // What fails after it is no replay.
  state.broken = true;
  source.push([order(2)]);
  assert(world.time.runUntil(() => world.letters.length === 2));
  const { replayOf: of, attempts } = world.letters[1]!;
  assertEquals([of, attempts], [undefined, world.letters[0]!.attempts]);
  world.flow.close();
});

Deno.test("Flow sends a dead letter again under the idempotency key that the sink has seen", async () => {
  const world = new FlowWorld();
  const state = { broken: true };
  world.serve("archive", refusesAll(state), { exactlyOnce: true });
  world.serve("enrich", passesOn);
  world.flow.setPipeline(through("transform"));
  const source = world.source();
  source.push([order(1)]);
  assert(world.time.runUntil(() => source.told.length === 1));
  state.broken = false;
  await outcomeOf(world, replayOf(world.letters[0]!));
  const keys = world.callsOf("archive").map(({ records }) =>
    records[0]!.id.idempotencyKey.toString()
  );
  assertEquals(keys.length, 2);
  assert(keys[0]!.length > 0);
  assertEquals(keys[0], keys[1]);
  world.flow.close();
});

Deno.test("Flow keeps the id and the history of a letter that fails again", async () => {
  const world = new FlowWorld();
  world.serve("archive", refusesAll({ broken: true }));
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push([order(1)]);
  assert(world.time.runUntil(() => source.told.length === 1));
  const [first] = world.letters;
  world.time.pass(1_000_000);
  const outcome = await outcomeOf(world, replayOf(first!));
  assertEquals(outcome, {
    kind: "failed",
    failure: { code: "INVALID_ARGUMENT", message: "full of it" },
  });
  const second = world.letters[1]!;
  assertEquals(second.replayOf, "letter-1");
  assertEquals(second.attempts, 2);
  assertEquals(second.firstFailureMs, first!.firstFailureMs);
  assert(second.lastFailureMs > first!.lastFailureMs);
  assertEquals(second.record, first!.record);
  world.flow.close();
});

Deno.test("Flow refuses to replay into a pipeline or stage that is no more, bytes that are no record, and what there is no room for", async () => {
  const world = new FlowWorld({ bufferRecordsMax: 2 });
  const letter: Letter = {
    lineage: 0,
    record: recordMessage.encode(order(1)),
    pipelineId: "orders",
    stageId: "archive",
    errorCode: "",
    errorMessage: "",
    attempts: 1,
    firstFailureMs: 1,
    lastFailureMs: 1,
    replayOf: undefined,
  };
  const refusal = async (more: Partial<Replay>): Promise<string> => {
    const error = await assertRejects(
      () => world.flow.replay(replayOf(letter, more)),
      ConveyorError,
    );
    return `${Code[error.code]}: ${error.message}`;
  };
  assertEquals(
    await refusal({}),
    'NotFound: Cannot replay dead letter: no stage "archive" of pipeline "orders" is enabled',
  );
  world.flow.setPipeline(straight());
  assertEquals(
    await refusal({ stageId: "attic" }),
    'NotFound: Cannot replay dead letter: no stage "attic" of pipeline "orders" is enabled',
  );
  assert(
    (await refusal({ record: Uint8Array.of(255) })).startsWith("DataLoss"),
  );
  void world.flow.replay(replayOf(letter));
  assert((await refusal({})).startsWith("ResourceExhausted"));
  await world.flow.close();
});

Deno.test("Flow tells a replay that it is given up when its pipeline is, or when the flow closes", async () => {
  for (const how of ["remove", "close"] as const) {
    const world = new FlowWorld();
    const state = { broken: true };
    world.serve("archive", refusesAll(state));
    world.flow.setPipeline(straight());
    const source = world.source();
    source.push([order(1)]);
    assert(world.time.runUntil(() => source.told.length === 1));
    world.stop("archive");
    const outcome = world.flow.replay(replayOf(world.letters[0]!));
    world.time.pass(1_000);
    if (how === "remove") {
      void world.flow.removePipeline("orders");
      world.flow.giveUpPipeline("orders");
    } else await world.flow.close();
    assertEquals(await outcome, { kind: "given_up" });
    await world.flow.close();
  }
});

Deno.test("Flow takes no letters to replay once it drains", async () => {
  const world = new FlowWorld();
  const state = { broken: true };
  world.serve("archive", refusesAll(state));
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push([order(1)]);
  assert(world.time.runUntil(() => source.told.length === 1));
  const drained = world.flow.drain();
  const error = await assertRejects(
    () => world.flow.replay(replayOf(world.letters[0]!)),
    ConveyorError,
  );
  assertEquals(error.code, Code.Unavailable);
  world.time.pass(1_000);
  await drained;
  await world.flow.close();
});

Deno.test("Flow gives every part of a record that failed a letter, each with what it is", () => {
  const world = new FlowWorld();
  world.serve("archive", refusesAll({ broken: true }));
  world.serve("live", refusesAll({ broken: true }));
  world.flow.setPipeline(validPipeline({
    stages: [
      stage("orders", "source"),
      stage("archive", "sink"),
      stage("live", "sink"),
    ],
    edges: [edge("orders", "archive"), edge("orders", "live")],
  }));
  const source = world.source();
  source.push(orders(1, 2));
  assert(world.time.runUntil(() => source.told.length === 2));
  assertEquals(
    world.letters.map(({ stageId }) => stageId).sort(),
    ["archive", "archive", "live", "live"],
  );
  assertEquals(source.outcomes(), ["Accepted", "Accepted"]);
  world.flow.close();
});
