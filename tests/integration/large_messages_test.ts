/**
 * Goal: whatever is too large for a message between the router and others holds up nothing: what fits
 * by itself passes, and what does not is a dead letter that says so, or is refused to its source.
 * Method: a router in this process with a low bound on messages, connectors over loopback.
 */
import { assert, assertEquals } from "@std/assert";
import {
  AckStatus,
  Code,
  ConveyorError,
  DeadLetterClient,
  type Record,
  SourceClient,
} from "@conveyor/grpc";
import { statuses } from "../fixtures/raw_push.ts";
import {
  line,
  numberOf,
  numbers,
  RouterSetup,
} from "../fixtures/router_setup.ts";

const messageBytesMax = 2 * 1024 * 1024;
const settings = { grpc: { messageBytesMax } };

/** A line whose stages try a record twice. */
function hasty(...names: string[]) {
  const { stages, ...rest } = line(...names);
  const retry = {
    maxAttempts: 2,
    initialBackoff: { seconds: 0n, nanos: 10_000_000 },
  };
  return { ...rest, stages: stages.map((stage) => ({ ...stage, retry })) };
}

/** Of the letters that are kept: the numbers of their records, and why. */
async function lettersOf(setup: RouterSetup) {
  const client = setup.own(await DeadLetterClient.connect(setup.url));
  const letters = await Array.fromAsync(client.list());
  return letters.map(({ record, errorCode, errorMessage }) => ({
    number: numberOf(record!),
    errorCode,
    errorMessage,
  }));
}

Deno.test("a record that a transform answers with more than the router takes is a dead letter, the rest of its batch passes", async () => {
  await using setup = await RouterSetup.start(settings);
  const sizes = new Map<number, number>();
  await setup.transform("blow-up", (record) => ({
    ...record,
    metadata: { number: `${numberOf(record)}` },
    // One is too large by itself, the others are together.
    payload: new Uint8Array(numberOf(record) === 13 ? 3_000_000 : 50_000),
  }));
  await setup.sink("store", ({ metadata, payload }) => {
    sizes.set(Number(metadata.number), payload.length);
  });
  await (await setup.admin()).createPipeline(hasty("blow-up", "store"));
  const source = await setup.source();
  assertEquals(statuses(await source.push(numbers(100))), { Accepted: 100 });
  assertEquals([...sizes.values()], Array(99).fill(50_000));
  const [letter, ...others] = await lettersOf(setup);
  assertEquals([letter?.number, letter?.errorCode], [13, "OUT_OF_RANGE"]);
  assert(letter!.errorMessage.includes(`${messageBytesMax}`));
  assertEquals(others, []);
});

Deno.test("a record that is more than a sink takes is a dead letter, the rest of its batch passes", async () => {
  await using setup = await RouterSetup.start(settings);
  const stored: number[] = [];
  await setup.sink("store", ({ payload }) => {
    stored.push(payload[0]!);
  }, { messageBytesMax: 20_000 });
  await (await setup.admin()).createPipeline(hasty("store"));
  const source = await setup.source();
  const records = numbers(100).map(({ id }, at) => ({
    id,
    payload: new Uint8Array(at === 13 ? 30_000 : 1_000).fill(at),
  }));
  assertEquals(statuses(await source.push(records)), { Accepted: 100 });
  assertEquals(stored, records.map((_, at) => at).filter((at) => at !== 13));
  const client = setup.own(await DeadLetterClient.connect(setup.url));
  const letters = await Array.fromAsync(client.list());
  assertEquals(letters.map(({ errorCode }) => errorCode), ["OUT_OF_RANGE"]);
  assert(letters[0]!.errorMessage.includes("20000"), letters[0]!.errorMessage);
});

Deno.test("a dead letter that is larger than a message is listed and read by its id, and replayed whole", async () => {
  await using setup = await RouterSetup.start(settings);
  const stored: number[] = [];
  let isOpen = false;
  await setup.sink("store", ({ payload }) => {
    if (!isOpen) throw new ConveyorError(Code.DataLoss, "x".repeat(4_000));
    stored.push(payload.length);
  });
  await (await setup.admin()).createPipeline(hasty("store"));
  const source = await setup.source();
  // The message of the push has room for this record; that of the letter says why it failed, too.
  const sizes = [10, messageBytesMax - 1_000, 20];
  const records = numbers(3).map(({ id }, at) => ({
    id,
    payload: new Uint8Array(sizes[at]!),
  }));
  for (const record of records) await source.push([record]);
  const client = setup.own(await DeadLetterClient.connect(setup.url));
  const letters = await Array.fromAsync(client.list());
  assertEquals(
    letters.map(({ record }) => record?.id?.sequenceNumber),
    [1n, 2n, 3n],
  );
  assertEquals(letters.map(({ record }) => record?.payload.length), [
    10,
    0,
    20,
  ]);
  assertEquals(letters.map(({ omittedBytes }) => omittedBytes > 0n), [
    false,
    true,
    false,
  ]);
  assertEquals(await client.get(letters[1]!.deadLetterId), letters[1]);
  isOpen = true;
  await Array.fromAsync(client.replay({ pipelineId: "line" }));
  assertEquals(
    stored.toSorted((a, b) => a - b),
    sizes.toSorted((a, b) => a - b),
  );
});

Deno.test("a sink that says that it has no room is waited for, whatever the record", async () => {
  await using setup = await RouterSetup.start(settings);
  const stored: Record[] = [];
  let refused = 0;
  await setup.sink("store", {
    writeBatch: (records: readonly Record[]) => {
      if (refused++ < 5) {
        throw new ConveyorError(Code.ResourceExhausted, "the disk is full");
      }
      stored.push(...records);
      return Promise.resolve();
    },
  });
  await (await setup.admin()).createPipeline(hasty("store"));
  const source = await setup.source();
  assertEquals(statuses(await source.push(numbers(1))), { Accepted: 1 });
  assertEquals(stored.map(numberOf), [1]);
  assertEquals(await lettersOf(setup), []);
});

Deno.test("large records are pushed in batches that the router takes; one that it does not take is rejected with the bound, and the others go on", async () => {
  await using setup = await RouterSetup.start(settings);
  let stored = 0;
  await setup.sink("store", ({ payload }) => void (stored += payload.length));
  await (await setup.admin()).createPipeline(line("store"));
  const source = await setup.source();
  const large = (count: number, size: number, first = 1) =>
    numbers(count, first).map(({ id }) => ({
      id,
      payload: new Uint8Array(size),
    }));
  assertEquals(statuses(await source.push(large(30, 300_000))), {
    Accepted: 30,
  });
  assertEquals(stored, 30 * 300_000);
  // Among others that are large, from the same push and another; twice in a row.
  const [tooLarge, alsoTooLarge] = [
    large(1, 3_000_000, 33),
    large(1, 2_500_000, 34),
  ];
  const before = source.push(large(2, 1_500_000, 31));
  const outcomes = await source.push([
    ...tooLarge,
    ...alsoTooLarge,
    ...large(1, 1_900_000, 35),
    ...large(1, 10, 36),
  ]);
  // What was settled before the stream broke may be told as a duplicate.
  assertEquals((await before).map(({ error }) => error), ["", ""]);
  assertEquals(outcomes.map(({ status }) => status === AckStatus.Rejected), [
    true,
    true,
    false,
    false,
  ]);
  for (const { error } of outcomes.slice(0, 2)) {
    assert(error.includes(`${messageBytesMax}`), error);
  }
  assertEquals(stored, 30 * 300_000 + 2 * 1_500_000 + 1_900_000 + 10);
});

Deno.test("a record that is larger than the client sends is rejected before it is sent", async () => {
  await using setup = await RouterSetup.start();
  await setup.sink("store", () => {});
  await (await setup.admin()).createPipeline(line("store"));
  await using source = await SourceClient.connect(setup.url, "numbers", {
    messageBytesMax: 4_000_000,
  });
  const records = numbers(3).map(({ id }, at) => ({
    id,
    payload: new Uint8Array(at === 1 ? 5_000_000 : 10),
  }));
  const outcomes = await source.push(records);
  assertEquals(outcomes.map(({ status }) => status === AckStatus.Rejected), [
    false,
    true,
    false,
  ]);
  assert(outcomes[1]!.error.includes("4000000"), outcomes[1]!.error);
});
