/**
 * Goal: whatever is too large for a message between the router and others holds up nothing: what fits
 * by itself passes, and what does not is a dead letter that says so, or is refused to its source.
 * Method: a router in this process with a low bound on messages, connectors over loopback.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import {
  Code,
  ConveyorError,
  DeadLetterClient,
  type Record,
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

Deno.test("large records are pushed in batches that the router takes; one that it does not take ends the push with the bound", async () => {
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
  const error = await assertRejects(
    () => source.push(large(1, 3_000_000, 31)),
    ConveyorError,
    `${messageBytesMax}`,
  );
  assertEquals(error.code, Code.OutOfRange);
});
