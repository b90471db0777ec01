/**
 * Goal: records keep the order that semantics.md promises while they are tried again: that of their
 * partition where stages have one lane, that of their key where they have more.
 * Method: a router in this process, a transform that fails single records and a sink that fails whole
 * calls, at random, both made with the connector kit over loopback.
 */
import { assert, assertEquals } from "@std/assert";
import { Code, ConveyorError, type Record } from "@conveyor/grpc";
import { seededRandom } from "../../lib/random.ts";
import { statuses } from "../fixtures/raw_push.ts";
import {
  line,
  numberOf,
  numbers,
  RouterSetup,
} from "../fixtures/router_setup.ts";

const count = 2_000;
const decoder = new TextDecoder();
const encoder = new TextEncoder();

/** The numbers of all records as the sink first has them, by what `nameOf` says. */
async function written(
  parallelism: number,
  nameOf: (record: Record) => string,
): Promise<Map<string, number[]>> {
  await using setup = await RouterSetup.start();
  const random = seededRandom(parallelism);
  const failed = new Set<number>();
  const found = new Map<string, number[]>();
  let refusals = 0;
  await setup.transform("pass", (record) => {
    const number = numberOf(record);
    if (failed.has(number) || random() >= 0.02) return record;
    failed.add(number);
    throw new Error("not at once");
  });
  await setup.sink("store", {
    writeBatch: (records: readonly Record[]) => {
      if (random() < 0.2) {
        refusals++;
        throw new ConveyorError(Code.Unavailable, "not now");
      }
      for (const record of records) {
        const name = nameOf(record);
        const list = found.get(name) ?? [];
        found.set(name, list);
        list.push(numberOf(record));
      }
      return Promise.resolve();
    },
  });
  const { stages, ...rest } = line("pass", "store");
  await (await setup.admin()).createPipeline({
    ...rest,
    stages: stages.map((stage) => ({
      ...stage,
      parallelism,
      batch: { maxRecords: 20 },
      retry: { initialBackoff: { seconds: 0n, nanos: 5_000_000 } },
    })),
  });
  const source = await setup.source();
  const records = numbers(count).map(({ id, payload }, at) => ({
    id: { ...id, partition: at % 3 },
    key: encoder.encode(`customer-${at % 40}`),
    payload,
  }));
  assertEquals(statuses(await source.push(records)), { Accepted: count });
  assert(failed.size > 0 && refusals > 0, "nothing was tried again");
  return found;
}

function assertOrdered(lists: ReadonlyMap<string, readonly number[]>): void {
  assertEquals([...lists.values()].flat().length, count);
  for (const [name, list] of lists) {
    assertEquals(list, list.toSorted((a, b) => a - b), name);
  }
}

Deno.test("records of a partition keep their order over retries, where stages have one lane", async () => {
  const lists = await written(1, ({ id }) => `${id!.partition}`);
  assertEquals(lists.size, 3);
  assertOrdered(lists);
});

Deno.test("records of a key keep their order over retries, where stages have many lanes", async () => {
  const lists = await written(8, ({ key }) => decoder.decode(key));
  assertEquals(lists.size, 40);
  assertOrdered(lists);
});
