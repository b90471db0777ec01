/**
 * Goal: what the router promises of records holds between real gRPC services, at the edges: sequence
 * numbers of any size, many partitions, large and no records, sources that send too much, services that
 * answer wrongly or not at all.
 * Method: a router in this process with its data in a real directory, connectors and clients over
 * loopback.
 */
import { assert, assertEquals } from "@std/assert";
import {
  AckStatus,
  Code,
  ConveyorError,
  DeadLetterClient,
  type Record,
  StageType,
} from "@conveyor/grpc";
import { creditWindowRecords } from "../../lib/limits.ts";
import { pushRaw, statuses } from "../fixtures/raw_push.ts";
import {
  line,
  numberOf,
  numbers,
  RouterSetup,
} from "../fixtures/router_setup.ts";

const highest = 2n ** 64n - 1n;

/** A router with the pipeline "line" from "numbers" to a sink that keeps what it gets. */
async function stored(): Promise<
  { readonly setup: RouterSetup; readonly records: Record[] }
> {
  const setup = await RouterSetup.start();
  const records: Record[] = [];
  await setup.sink("store", (record) => void records.push(record));
  await (await setup.admin()).createPipeline(line("store"));
  return { setup, records };
}

Deno.test("sequence numbers up to 2^64-1 pass exactly, and nothing comes behind the last", async () => {
  const { setup, records } = await stored();
  await using _ = setup;
  const source = await setup.source();
  const sequences = [0n, 2n ** 53n + 1n, 2n ** 63n, highest];
  await source.push(
    sequences.map((sequenceNumber) => ({ id: { sequenceNumber } })),
  );
  assertEquals(records.map(({ id }) => id?.sequenceNumber), sequences);
  const [again] = await source.push([{ id: { sequenceNumber: highest } }]);
  assertEquals(again?.status, AckStatus.Duplicate);
});

Deno.test("a record up to an offset that somebody else commits is a duplicate, also where the partition is known", async () => {
  const { setup, records } = await stored();
  await using _ = setup;
  const source = await setup.source();
  assertEquals(statuses(await source.push(numbers(1))), { Accepted: 1 });
  const checkpoints = await setup.checkpoints();
  await checkpoints.commitOffset("numbers", 0, 100n);
  assertEquals(statuses(await source.push(numbers(2, 100))), {
    Duplicate: 1,
    Accepted: 1,
  });
  assertEquals(records.map(numberOf), [1, 101]);
});

Deno.test("10,000 partitions of a source keep their records apart", async () => {
  const { setup, records } = await stored();
  await using _ = setup;
  const source = await setup.source();
  const pushed = Array.from({ length: 20_000 }, (_, at) => ({
    id: {
      partition: at % 10_000,
      sequenceNumber: BigInt(1 + (at >= 10_000 ? 1 : 0)),
    },
  }));
  const outcomes = await source.push(pushed);
  assertEquals(statuses(outcomes), { Accepted: 20_000 });
  const seen = new Map<number, bigint>();
  for (const { id } of records) {
    const { partition, sequenceNumber } = id!;
    assertEquals(sequenceNumber, 1n + (seen.get(partition) ?? 0n));
    seen.set(partition, sequenceNumber);
  }
  assertEquals(seen.size, 10_000);
});

Deno.test("a record of 32 MiB passes a transform and reaches the sink whole", async () => {
  const setup = await RouterSetup.start();
  await using _ = setup;
  let sum = 0;
  await setup.transform("same", (record) => record);
  await setup.sink("store", ({ payload }) => {
    sum = payload.length + payload.at(-1)!;
  });
  await (await setup.admin()).createPipeline(line("same", "store"));
  const source = await setup.source();
  const payload = new Uint8Array(32 * 1024 * 1024).fill(7);
  const [outcome] = await source.push([{
    id: { sequenceNumber: 1n },
    payload,
  }]);
  assertEquals([outcome?.status, sum], [
    AckStatus.Accepted,
    payload.length + 7,
  ]);
});

Deno.test("a batch without records and a sign of life are answered by nothing worse than an empty ack", async () => {
  const { setup, records } = await stored();
  await using _ = setup;
  const acks = await pushRaw(setup.url, [
    { batch: { batchId: "empty", records: [] } },
    { heartbeat: {} },
    {
      batch: {
        batchId: "one",
        records: [{ id: { sourceId: "numbers", sequenceNumber: 1n } }],
      },
    },
  ]);
  assertEquals(statuses(acks), { Accepted: 1 });
  assertEquals(records.length, 1);
});

Deno.test("a source that overruns its credit has the excess rejected, and the rest accepted", async () => {
  const { setup, records } = await stored();
  await using _ = setup;
  const excess = 500;
  const all = numbers(creditWindowRecords + excess).map(({ id, payload }) => ({
    id: { ...id, sourceId: "numbers" },
    payload,
  }));
  const acks = await pushRaw(setup.url, [{ batch: { records: all } }]);
  assertEquals(statuses(acks), {
    Accepted: creditWindowRecords,
    Rejected: excess,
  });
  assertEquals(records.length, creditWindowRecords);
  const rejected = acks.find(({ status }) => status === AckStatus.Rejected);
  assert(rejected!.errorMessage.includes("credit"), rejected!.errorMessage);
});

Deno.test("records without identity and of no pipeline are rejected by name, and the stream goes on", async () => {
  const { setup, records } = await stored();
  await using _ = setup;
  const acks = await pushRaw(setup.url, [
    { batch: { records: [{ recordType: "bare" }] } },
    {
      batch: {
        records: [{ id: { sourceId: "unknown", sequenceNumber: 1n } }],
      },
    },
    {
      batch: {
        records: [{ id: { sourceId: "numbers", sequenceNumber: 1n } }],
      },
    },
  ]);
  assertEquals(statuses(acks), { Rejected: 2, Accepted: 1 });
  assertEquals(records.length, 1);
  const reasons = acks.map(({ errorMessage }) => errorMessage);
  for (const word of ["source_id", "pipeline"]) {
    assert(reasons.some((reason) => reason.includes(word)), reasons.join());
  }
});

Deno.test("a sink that fails leaves the other branch of its pipeline, and other pipelines, running", async () => {
  const { setup, records } = await stored();
  await using _ = setup;
  let works = false;
  let late = 0;
  await setup.sink("broken", () => {
    if (!works) throw new ConveyorError(Code.Unavailable, "out of order");
    late++;
  });
  const admin = await setup.admin();
  const { stages, edges } = line("store");
  await admin.updatePipeline("line", {
    id: "line",
    enabled: true,
    stages: [...stages, {
      id: "broken",
      stageType: StageType.Sink,
      serviceSelector: { serviceName: "broken" },
    }],
    edges: [...edges, { fromStage: "numbers", toStage: "broken" }],
  });
  const source = await setup.source();
  const pushed = source.push(numbers(1_000));
  while (records.length < 1_000) await turn();
  await admin.createPipeline({
    ...line("store"),
    id: "other",
    stages: line("store").stages.map((stage) =>
      stage.id === "numbers"
        ? { ...stage, serviceSelector: { serviceName: "letters" } }
        : stage
    ),
  });
  const other = await setup.source("letters");
  assertEquals(statuses(await other.push(numbers(10))), { Accepted: 10 });
  assertEquals(late, 0);
  works = true;
  assertEquals(statuses(await pushed), { Accepted: 1_000 });
  assertEquals(late, 1_000);
});

Deno.test("a transform that cannot work for a while makes its records wait, and gives none up", async () => {
  const { setup, records } = await stored();
  await using _ = setup;
  let works = false;
  let refused = 0;
  await setup.transform("moody", (record) => {
    if (works) return record;
    refused++;
    throw new ConveyorError(Code.Unavailable, "the model is being loaded");
  });
  const admin = await setup.admin();
  await admin.updatePipeline("line", line("moody", "store"));
  const source = await setup.source();
  const pushed = source.push(numbers(200));
  while (refused < 5) await turn();
  const described = await admin.getPipeline("line");
  const status = described!.status.stageStatuses["moody"]!;
  assert(status.trouble.startsWith("UNAVAILABLE: "), status.trouble);
  assert(status.trouble.includes("being loaded"), status.trouble);
  works = true;
  assertEquals(statuses(await pushed), { Accepted: 200 });
  assertEquals(records.length, 200);
  const letters = setup.own(await DeadLetterClient.connect(setup.url));
  assertEquals((await letters.stats()).count, 0n);
});

Deno.test("one poisonous record is found in its batch, and kept; the others pass", async () => {
  const setup = await RouterSetup.start();
  await using _ = setup;
  const seen: number[] = [];
  await setup.sink("store", { writeBatch: refusesThirteen(seen) });
  await (await setup.admin()).createPipeline(line("store"));
  const source = await setup.source();
  assertEquals(statuses(await source.push(numbers(500))), { Accepted: 500 });
  assertEquals(new Set(seen).size, 499);
  const letters = setup.own(await DeadLetterClient.connect(setup.url));
  const kept = await Array.fromAsync(letters.list());
  assertEquals(kept.map(({ record }) => numberOf(record!)), [13]);
});

/** A sink whose call fails as a whole for one of its records. */
function refusesThirteen(seen: number[]) {
  return (records: readonly Record[]): Promise<void> => {
    const found = records.map(numberOf);
    if (found.includes(13)) {
      throw new ConveyorError(Code.InvalidArgument, "thirteen is unlucky");
    }
    seen.push(...found);
    return Promise.resolve();
  };
}

function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
