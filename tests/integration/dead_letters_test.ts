/**
 * Goal: a record that cannot be processed ends as a dead letter while its batch goes on, and is read,
 * replayed with its history and discarded over gRPC. What a restart does, router_restart_test.ts shows.
 * Method: a router in this process with its data in a real directory, connectors and clients over
 * loopback.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  Code,
  ConveyorError,
  type DeadLetter,
  DeadLetterClient,
  type Record,
  ReplayStatus,
} from "@conveyor/grpc";
import {
  begin,
  hundreds,
  lettersOf,
  numbersOf,
  Picky,
} from "../fixtures/picky_run.ts";
import {
  line,
  numberOf,
  numbers,
  RouterSetup,
} from "../fixtures/router_setup.ts";

Deno.test("records that cannot be processed are dead letters, and the rest of their batches goes on", async () => {
  const run = await begin();
  await using _ = run.setup;
  const letters = await lettersOf(run);
  assertEquals(run.stored.length, 990);
  const kept = await Array.fromAsync(letters.list());
  assertEquals(numbersOf(kept), hundreds);
  for (const letter of kept) {
    assertEquals([letter.pipelineId, letter.stageId], ["line", "picky"]);
    assertEquals(letter.errorCode, "INVALID_ARGUMENT");
    assert(letter.errorMessage.includes("two zeros"), letter.errorMessage);
    assertEquals(letter.nodeId, 1n);
    assertEquals(await letters.get(letter.deadLetterId), letter);
  }
  const page = await Array.fromAsync(letters.list({}, {
    pageSize: 3,
    pageToken: kept[1]!.deadLetterId,
  }));
  assertEquals(numbersOf(page), [300, 400, 500]);
  const { count, counts } = await letters.stats();
  assertEquals([count, counts.length, counts[0]?.count], [10n, 1, 10n]);
});

Deno.test("a dead letter that fails again keeps its id and its history, and is gone when it is settled", async () => {
  const run = await begin();
  await using _ = run.setup;
  const letters = await lettersOf(run);
  const before = await Array.fromAsync(letters.list());
  for await (
    const { status, errorMessage } of letters.replay({ stageId: "picky" })
  ) {
    assertEquals(status, ReplayStatus.Failed);
    assert(errorMessage.includes("two zeros"), errorMessage);
  }
  const after = await Array.fromAsync(letters.list());
  const idOf = ({ deadLetterId }: DeadLetter): string => deadLetterId;
  assertEquals(after.map(idOf), before.map(idOf));
  for (const [at, { attempts, firstFailure }] of after.entries()) {
    assert(attempts > before[at]!.attempts, `${attempts} attempts`);
    assertEquals(firstFailure, before[at]!.firstFailure);
  }
  run.picky.broken = false;
  const ids = [before[0]!.deadLetterId, "no-such-letter"];
  const statuses = new Map<string, ReplayStatus>();
  for await (
    const { deadLetterId, status } of letters.replay({ deadLetterIds: ids })
  ) {
    statuses.set(deadLetterId, status);
  }
  assertEquals(ids.map((id) => statuses.get(id)), [
    ReplayStatus.Settled,
    ReplayStatus.NotFound,
  ]);
  const rest = letters.replay({ pipelineId: "line" }, { fromSource: true });
  const results = await Array.fromAsync(rest);
  assertEquals(
    results.map(({ status }) => status),
    Array(9).fill(ReplayStatus.Settled),
  );
  assertEquals(run.stored.length, 1_000);
  assertEquals(run.stored.slice(990).sort((a, b) => a - b), hundreds);
  assertEquals((await letters.stats()).count, 0n);
});

Deno.test("a dead letter that two calls replay at once is sent through once", async () => {
  const run = await begin();
  await using _ = run.setup;
  const letters = await lettersOf(run);
  run.picky.broken = false;
  const both = await Promise.all(
    [1, 2].map(() => Array.fromAsync(letters.replay({ pipelineId: "line" }))),
  );
  const settled = both.flat().filter(({ status }) =>
    status === ReplayStatus.Settled
  );
  assertEquals(settled.length, 10);
  assertEquals(run.stored.length, 1_000);
});

Deno.test("dead letters whose pipeline is gone are kept, and a replay says why", async () => {
  const run = await begin();
  await using _ = run.setup;
  const letters = await lettersOf(run);
  await (await run.setup.admin()).disablePipeline("line", true);
  const results = await Array.fromAsync(letters.replay({ pipelineId: "line" }));
  assertEquals(results.length, 10);
  for (const { status, errorCode, errorMessage } of results) {
    assertEquals([status, errorCode], [ReplayStatus.Refused, "NOT_FOUND"]);
    assert(errorMessage.includes('"line"'), errorMessage);
  }
  assertEquals((await letters.stats()).count, 10n);
});

Deno.test("dead letters of a pipeline go to the sink service that it names, with what went wrong", async () => {
  await using setup = await RouterSetup.start();
  const taken: Record[] = [];
  await setup.transform("picky", new Picky().apply);
  await setup.sink("store", () => {});
  await setup.sink("morgue", (record) => void taken.push(record));
  const admin = await setup.admin();
  await admin.createPipeline({
    ...line("picky", "store"),
    deadLetter: { sinkService: "morgue" },
  });
  const source = await setup.source();
  await source.push(numbers(300));
  assertEquals(taken.map(numberOf).sort((a, b) => a - b), [100, 200, 300]);
  for (const { metadata } of taken) {
    assertEquals(metadata["conveyor/dead-letter-stage"], "picky");
    assertEquals(metadata["conveyor/dead-letter-code"], "INVALID_ARGUMENT");
  }
});

Deno.test("a request about dead letters that cannot be meant is refused by its field", async () => {
  await using setup = await RouterSetup.start();
  const letters = setup.own(await DeadLetterClient.connect(setup.url));
  const refused = async (
    call: () => Promise<unknown>,
    code: Code,
    text: string,
  ): Promise<void> => {
    const error = await assertRejects(call, ConveyorError, text);
    assertEquals(error.code, code);
  };
  const everything = () => Array.fromAsync(letters.replay({}));
  await refused(everything, Code.InvalidArgument, "filter");
  await refused(() => letters.discard({}), Code.InvalidArgument, "filter");
  const deadLetterIds = Array.from({ length: 1_001 }, (_, at) => `${at}`);
  await refused(
    () => letters.stats({ deadLetterIds }),
    Code.InvalidArgument,
    "dead_letter_ids must be at most 1000, and are 1001",
  );
  await refused(() => letters.get("nobody"), Code.NotFound, '"nobody"');
  await refused(() => letters.get(""), Code.InvalidArgument, "deadLetterId");
});

Deno.test("a letter of another process is kept once, however often it is asked for", async () => {
  await using setup = await RouterSetup.start();
  await using letters = await DeadLetterClient.connect(setup.url);
  const letter = (number: number, id = "") => ({
    ...id === "" ? {} : { deadLetterId: id },
    record: { id: { sourceId: "numbers", sequenceNumber: BigInt(number) } },
    pipelineId: "line",
    stageId: "picky",
    attempts: 3,
  });
  const id = "018f00000000-000001-4503599627370497";
  const asked = Array.from(
    { length: 5 },
    () => letters.keep([letter(1, id), letter(2, id.replace("1-4", "2-4"))]),
  );
  await Promise.all(asked);
  await letters.keep([letter(1, id)]);
  const kept = await Array.fromAsync(letters.list());
  assertEquals(
    kept.map(({ deadLetterId, record }) => [
      deadLetterId,
      record?.id?.sequenceNumber,
    ]),
    [[id, 1n], ["018f00000000-000002-4503599627370497", 2n]],
  );
  // One without an id is another one each time.
  await letters.keep([letter(3)]);
  await letters.keep([letter(3)]);
  const { count, bytes } = await letters.stats();
  assertEquals(count, 4n);
  assertEquals(await letters.discard({ pipelineId: "line" }), 4n);
  assert(bytes > 0n && (await letters.stats()).bytes === 0n);
  // Nor may one of a time to come go before all that follow.
  const ahead = "ffffffffffff-000000-4503599627370497";
  await letters.keep([letter(4, ahead)]);
  const [named] = await Array.fromAsync(letters.list());
  assert(named!.deadLetterId < "f", named?.deadLetterId);
  for (const wrong of ["x", `${id}-1`]) {
    const error = await assertRejects(
      () => letters.keep([letter(4, wrong)]),
      ConveyorError,
    );
    assertEquals(error.details[0]?.field, "letters.dead_letter_id");
  }
});
