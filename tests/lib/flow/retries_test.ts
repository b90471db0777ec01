import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import {
  FlowWorld,
  order,
  orders,
  type Service,
  writesAll,
} from "../../fixtures/flow_world.ts";
import { batches, retries, straight } from "../../fixtures/flow_pipelines.ts";

/** A sink that refuses these sequence numbers, as `how` says; it writes the others. */
function refuses(
  sequences: readonly number[],
  how: { readonly retryable: boolean },
): Service {
  return (records) => ({
    results: records.map(({ id }) => {
      const bad = sequences.includes(Number(id.sequenceNumber));
      return { recordId: id, success: !bad, error: "no", ...how };
    }),
  });
}

/** A sink that refuses every batch with one of these sequence numbers in it. */
function refusesBatchesWith(
  sequences: readonly number[],
  error: Code,
): Service {
  return (records) =>
    records.some(({ id }) => sequences.includes(Number(id.sequenceNumber)))
      ? { error }
      : writesAll(records);
}

Deno.test("Flow tries a failed record again with growing pauses, and then only that record", () => {
  const world = new FlowWorld();
  const times: number[] = [];
  world.serve("archive", (records) => {
    times.push(world.time.monotonicMs());
    return refuses([2], { retryable: true })(records);
  });
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push(orders(1, 3));
  assert(world.time.runUntil(() => world.letters.length === 1));
  assertEquals(world.sequencesOf("archive"), [[1, 2, 3], [2], [2], [2]]);
  const pauses = times.slice(1).map((ms, i) => ms - times[i]! - 1);
  for (const [i, full] of [100, 200, 400].entries()) {
    assert(pauses[i]! >= full / 2 && pauses[i]! <= full, `${pauses}`);
  }
  assertEquals(source.outcomes(1, 3), ["Accepted", "Accepted"]);
  assertEquals(world.letters[0]!.attempts, 4);
  assert(world.time.runUntil(() => source.told.length === 3));
  world.flow.close();
});

Deno.test("Flow gives up at once a record that the sink refuses for good", () => {
  const world = new FlowWorld();
  world.serve("archive", refuses([2], { retryable: false }));
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push(orders(1, 3));
  assert(world.time.runUntil(() => source.told.length === 3, 50));
  const [letter] = world.letters;
  assertEquals(
    [letter!.errorCode, letter!.errorMessage, letter!.attempts],
    ["INVALID_ARGUMENT", "no", 1],
  );
  assertEquals(world.callsOf("archive").length, 1);
  world.flow.close();
});

for (
  const code of [
    Code.InvalidArgument,
    Code.OutOfRange,
    Code.DataLoss,
    Code.Internal,
    Code.Unknown,
  ]
) {
  Deno.test(`Flow finds the one record for which a batch is refused with ${Code[code]}`, () => {
    const world = new FlowWorld();
    world.serve("archive", refusesBatchesWith([137], code));
    world.flow.setPipeline(straight(retries(3, 10)));
    const source = world.source();
    source.push(orders(1, 500));
    assert(world.time.runUntil(() => source.told.length === 500, 1_000));
    assertEquals(world.letters.length, 1);
    assertEquals(world.letters[0]!.attempts, 3);
    const written = world.sequencesOf("archive").filter((sequences) =>
      !sequences.includes(137)
    ).flat();
    assertEquals(written.length, 499, "each of the others is written once");
    assertEquals(new Set(written).size, 499);
    assert(world.callsOf("archive").length <= 2 * 9 + 3);
    world.flow.close();
  });
}

for (
  const code of [
    Code.Unavailable,
    Code.DeadlineExceeded,
    Code.ResourceExhausted,
    Code.Aborted,
    Code.Unauthenticated,
    Code.PermissionDenied,
    Code.NotFound,
    Code.FailedPrecondition,
    Code.Unimplemented,
    Code.Canceled,
  ]
) {
  Deno.test(`Flow burns no attempt for ${Code[code]}, and waits`, () => {
    const world = new FlowWorld();
    let left = 20;
    world.serve(
      "archive",
      (records) => left-- > 0 ? { error: code } : writesAll(records),
    );
    world.flow.setPipeline(straight(retries(1, 50)));
    const source = world.source();
    source.push([order(1)]);
    world.time.pass(500);
    assertEquals(source.told, []);
    const { trouble } = world.flow.report("orders")!.stages.get("archive")!;
    assert(trouble?.message.includes(Code[code]), trouble?.message);
    assert(world.time.runUntil(() => source.told.length === 1, 2_000));
    assertEquals(world.letters, []);
    assertEquals(
      world.flow.report("orders")!.stages.get("archive")!.trouble,
      undefined,
    );
    world.flow.close();
  });
}

Deno.test("Flow sends half of a batch that is too much for its service", () => {
  const world = new FlowWorld();
  world.serve(
    "archive",
    (records) =>
      records.length > 100
        ? { error: Code.ResourceExhausted }
        : writesAll(records),
  );
  world.flow.setPipeline(straight(retries(1, 10)));
  const source = world.source();
  source.push(orders(1, 500));
  assert(world.time.runUntil(() => source.told.length === 500, 10_000));
  assertEquals(world.letters, []);
  world.flow.close();
});

Deno.test("Flow gives up one record that is too large for its service, and goes on with the others", () => {
  const world = new FlowWorld();
  world.serve(
    "archive",
    (records) =>
      records.some(({ payload }) => payload.length > 4_000_000)
        ? { error: Code.ResourceExhausted, message: "larger than max" }
        : writesAll(records),
  );
  world.flow.setPipeline(straight(retries(3, 10)));
  const source = world.source();
  source.push(
    orders(1, 20).map((record, i) =>
      i === 7 ? { ...record, payload: new Uint8Array(5_000_000) } : record
    ),
  );
  assert(world.time.runUntil(() => source.told.length === 20, 10_000));
  const [letter] = world.letters;
  assertEquals(
    [world.letters.length, letter!.errorCode, letter!.errorMessage],
    [1, "RESOURCE_EXHAUSTED", "larger than max"],
  );
  assertEquals(letter!.attempts, 3);
  world.flow.close();
});

Deno.test("Flow sends no batch larger than the instance takes", () => {
  const world = new FlowWorld();
  world.serve("archive", writesAll, { recordsMax: 7 });
  world.flow.setPipeline(straight());
  const source = world.source();
  source.push(orders(1, 20));
  assert(world.time.runUntil(() => source.told.length === 20, 100));
  assertEquals(
    world.callsOf("archive").map(({ records }) => records.length),
    [7, 7, 6],
  );
  world.flow.close();
});

for (const code of [Code.Internal, Code.Unknown]) {
  Deno.test(`Flow doubts a service that answers every record with ${Code[code]}, rather than empty the source into the dead letters`, () => {
    const world = new FlowWorld();
    let broken = true;
    world.serve(
      "archive",
      (records) => broken ? { error: code } : writesAll(records),
    );
    world.flow.setPipeline(straight({ ...retries(2, 100), ...batches(50) }));
    const source = world.source();
    source.push(orders(1, 1_000));
    world.time.pass(10_000);
    assert(world.letters.length > 0 && world.letters.length < 20);
    const { trouble } = world.flow.report("orders")!.stages.get("archive")!;
    assertEquals(
      trouble?.code,
      code === Code.Internal ? "INTERNAL" : "UNKNOWN",
    );
    broken = false;
    const lost = world.letters.length;
    assert(world.time.runUntil(() => source.told.length === 1_000, 60_000));
    assert(world.letters.length <= lost + 1);
    assertEquals(world.flow.underWay.bytes, 0);
    world.flow.close();
  });
}

Deno.test("Flow doubts a sink that asks for every record to be tried again, batch after batch", () => {
  const world = new FlowWorld();
  const down = { broken: true };
  world.serve("archive", (records) =>
    down.broken
      ? {
        status: 3,
        results: records.map(({ id }) => ({
          recordId: id,
          success: false,
          retryable: true,
          error: "the database is gone",
        })),
      }
      : writesAll(records));
  world.flow.setPipeline(straight(retries(4, 100)));
  const source = world.source();
  source.push(orders(1, 1_000));
  world.time.pass(20_000);
  assert(world.letters.length < 30, `${world.letters.length} were given up`);
  const { trouble } = world.flow.report("orders")!.stages.get("archive")!;
  assertEquals(trouble?.message, "the database is gone");
  down.broken = false;
  const lost = world.letters.length;
  assert(world.time.runUntil(() => source.told.length === 1_000, 60_000));
  assert(world.letters.length <= lost + 1);
  world.flow.close();
});

Deno.test("Flow blames records that fail beside others that are written, however many they are", () => {
  const world = new FlowWorld();
  const bad = Array.from({ length: 40 }, (_, i) => i * 7 + 1);
  world.serve("archive", refuses(bad, { retryable: true }));
  world.flow.setPipeline(straight(retries(3, 100)));
  const source = world.source();
  source.push(orders(1, 500));
  assert(world.time.runUntil(() => source.told.length === 500, 1_000));
  assertEquals(world.letters.length, 40);
  assertEquals(world.callsOf("archive").length, 3);
  assertEquals(
    world.flow.report("orders")!.stages.get("archive")!.trouble,
    undefined,
  );
  world.flow.close();
});

Deno.test("Flow tries failed records again in their order, whatever the order of the answer", () => {
  const world = new FlowWorld();
  let first = true;
  world.serve("archive", (records) => {
    const { results = [] } = first
      ? refuses([2, 4, 6], { retryable: true })(records)
      : writesAll(records);
    first = false;
    return { results: results.toReversed() };
  });
  world.flow.setPipeline(straight(retries(4, 10)));
  const source = world.source();
  source.push(orders(1, 6));
  assert(world.time.runUntil(() => source.told.length === 6, 1_000));
  assertEquals(world.sequencesOf("archive"), [[1, 2, 3, 4, 5, 6], [2, 4, 6]]);
  world.flow.close();
});

Deno.test("Flow gives up poisonous records soon, however many there are, as long as others go well", () => {
  const world = new FlowWorld();
  const bad = Array.from({ length: 12 }, (_, i) => i * 50 + 25);
  world.serve("archive", refusesBatchesWith(bad, Code.Unknown));
  world.flow.setPipeline(straight({ ...retries(3, 10), ...batches(50) }));
  const source = world.source();
  source.push(orders(1, 600));
  assert(world.time.runUntil(() => source.told.length === 600, 10_000));
  assertEquals(
    world.letters.map(({ attempts }) => attempts),
    Array(12).fill(3),
  );
  world.flow.close();
});

Deno.test("Flow blames no record that failed beside one that was refused for good, where none was written", () => {
  const world = new FlowWorld();
  const down = { broken: true };
  world.serve("archive", (records) => ({
    results: records.map(({ id }) => ({
      recordId: id,
      success: id.sequenceNumber !== 1n && !down.broken,
      retryable: id.sequenceNumber !== 1n,
    })),
  }));
  world.flow.setPipeline(straight(retries(3, 100)));
  const source = world.source();
  source.push(orders(1, 50));
  world.time.pass(3_000);
  assert(world.letters.length < 10, `${world.letters.length} were given up`);
  down.broken = false;
  assert(world.time.runUntil(() => source.told.length === 50, 60_000));
  world.flow.close();
});
