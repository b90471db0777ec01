/**
 * Goal: a pipeline that is updated under load loses no record and keeps the order of each partition,
 * also when what is updated away is what its records wait for.
 * Method: a router in this process, connectors and clients over loopback; records are pushed while the
 * pipeline changes.
 */
import { assert, assertEquals } from "@std/assert";
import {
  Code,
  ConveyorError,
  type Record,
  type RecordOutcome,
  StageType,
} from "@conveyor/grpc";
import { statuses } from "../fixtures/raw_push.ts";
import {
  line,
  numberOf,
  numbers,
  RouterSetup,
} from "../fixtures/router_setup.ts";
import { until } from "../fixtures/until.ts";

const partitions = 4;

/** Records with the numbers from 1 on, spread over partitions. */
function spread(count: number) {
  return numbers(count).map(({ id, payload }, at) => ({
    id: { ...id, partition: at % partitions },
    payload,
  }));
}

/** Each record is there, and first came in the order of its partition. */
function assertInOrder(records: readonly Record[], count: number): void {
  const seen = new Set<number>();
  const last = new Map<number, number>();
  for (const record of records) {
    const number = numberOf(record);
    if (seen.has(number)) continue;
    const { partition } = record.id!;
    const before = last.get(partition) ?? 0;
    assert(before < number, `${number} came behind ${before}`);
    seen.add(number);
    last.set(partition, number);
  }
  assertEquals(seen.size, count);
}

Deno.test("a pipeline that is updated under load loses no record, keeps the order of each partition, and finishes each on one version", async () => {
  await using setup = await RouterSetup.start();
  const records: Record[] = [];
  await setup.sink("store", (record) => void records.push(record));
  let begun = 0;
  for (const name of ["first", "second"]) {
    await setup.transform(name, (record) => {
      begun = Math.max(begun, numberOf(record));
      return { ...record, recordType: record.recordType + name };
    });
  }
  const admin = await setup.admin();
  await admin.createPipeline(line("first", "second", "store"));
  const source = await setup.source();
  const all = spread(20_000);
  const pushes: Promise<readonly RecordOutcome[]>[] = [];
  for (let round = 0; round < 4; round++) {
    // What is on the long way when the short one comes is not to be overtaken.
    const long = all.slice(round * 5_000, round * 5_000 + 2_500);
    const short = all.slice(round * 5_000 + 2_500, round * 5_000 + 5_000);
    pushes.push(source.push(long));
    await until(() => begun > round * 5_000);
    await admin.updatePipeline("line", line("store"));
    pushes.push(source.push(short));
    const version = await admin.updatePipeline(
      "line",
      line("first", "second", "store"),
    );
    assertEquals(version, BigInt(3 + 2 * round));
  }
  const outcomes = (await Promise.all(pushes)).flat();
  assertEquals(statuses(outcomes), { Accepted: 20_000 });
  assertInOrder(records, 20_000);
  assertEquals(records.length, 20_000, "none twice");
  for (const { recordType } of records) {
    assert(["", "firstsecond"].includes(recordType), recordType);
  }
});

Deno.test("a source that is stuck before a dead sink goes on when the sink is updated away", async () => {
  await using setup = await RouterSetup.start();
  const stored: Record[] = [];
  const instead: Record[] = [];
  let underWay = 0;
  await setup.sink("store", (record) => void stored.push(record));
  await setup.sink("instead", (record) => {
    underWay ||= stored.length;
    instead.push(record);
  });
  await setup.sink("dead", {
    writeBatch: () => {
      throw new ConveyorError(Code.Unavailable, "out of order");
    },
  });
  const { stages, edges } = line("store");
  const beside = (sink: string) => ({
    id: "line",
    enabled: true,
    stages: [...stages, {
      id: "other",
      stageType: StageType.Sink,
      serviceSelector: { serviceName: sink },
    }],
    edges: [...edges, { fromStage: "numbers", toStage: "other" }],
  });
  const admin = await setup.admin();
  await admin.createPipeline(beside("dead"));
  const source = await setup.source();
  const pushed = source.push(spread(30_000));
  const stuck = async (): Promise<boolean> => {
    const { status } = (await admin.getPipeline("line"))!;
    return status.stageStatuses["other"]!.trouble !== "" &&
      stored.length >= 20_000;
  };
  await until(stuck);
  await admin.updatePipeline("line", beside("instead"));
  assertEquals(statuses(await pushed), { Accepted: 30_000 });
  assertInOrder(stored, 30_000);
  assertInOrder(instead, 30_000);
  assert(stored.length <= 30_000 + underWay, "twice what was under way");
});

Deno.test("records go to the service that a stage selects now, however long those before them took", async () => {
  await using setup = await RouterSetup.start();
  const before: number[] = [];
  const after: number[] = [];
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  let asked = 0;
  await setup.sink("before", {
    writeBatch: async (records) => {
      asked++;
      await opened;
      before.push(...records.map(numberOf));
    },
  });
  await setup.sink("after", (record) => void after.push(numberOf(record)));
  const selecting = (serviceName: string) => {
    const { stages, ...rest } = line("store");
    const [source, sink] = stages;
    return {
      ...rest,
      stages: [source!, { ...sink!, serviceSelector: { serviceName } }],
    };
  };
  const admin = await setup.admin();
  await admin.createPipeline(selecting("before"));
  const source = await setup.source();
  // More than one batch: the version that is replaced asks for its service again.
  const first = source.push(numbers(2_000));
  await until(() => asked > 0);
  await admin.updatePipeline("line", selecting("after"));
  const second = source.push(numbers(500, 2_001));
  open();
  assertEquals(statuses(await first), { Accepted: 2_000 });
  assertEquals(statuses(await second), { Accepted: 500 });
  assertEquals([before.length, after.length], [2_000, 500]);
});
