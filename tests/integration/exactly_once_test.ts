/**
 * Goal: a sink that keeps one record for each idempotency_key has every record once, and every part of a
 * record that was split, whatever is sent again.
 * Method: a router in this process, a transform that splits and a sink that keeps what it gets by key and
 * fails at first after it has kept it; the same records through a second router.
 */
import { assertEquals } from "@std/assert";
import { Code, ConveyorError, type Record } from "@conveyor/grpc";
import { statuses } from "../fixtures/raw_push.ts";
import {
  line,
  numberOf,
  numbers,
  RouterSetup,
} from "../fixtures/router_setup.ts";

/** Records that come with a key of their own, every other one. */
function keyed(count: number) {
  return numbers(count).map(({ id, payload }, at) => ({
    id: at % 2 === 0
      ? id
      : { ...id, idempotencyKey: new TextEncoder().encode(`own-${at + 1}`) },
    payload,
  }));
}

/** Sends 300 records, each split in three, to a sink that notes what it gets by key. */
async function sendAll(
  kept: Map<string, string>,
  failures: number,
): Promise<void> {
  await using setup = await RouterSetup.start();
  let left = failures;
  await setup.transform("split", (record) =>
    [1, 2, 3].map((part) => ({
      ...record,
      recordType: `${numberOf(record)}.${part}`,
    })));
  await setup.transform("same", (record) => record);
  await setup.sink("store", {
    writeBatch: (records: readonly Record[]) => {
      for (const { id, recordType } of records) {
        const key = id!.idempotencyKey.toHex();
        assertEquals(kept.get(key) ?? recordType, recordType);
        kept.set(key, recordType);
      }
      if (left-- > 0) throw new ConveyorError(Code.Unavailable, "too late");
      return Promise.resolve();
    },
  }, { capabilities: ["exactly_once"] });
  await (await setup.admin()).createPipeline(line("split", "same", "store"));
  const source = await setup.source();
  assertEquals(statuses(await source.push(keyed(300))), { Accepted: 300 });
}

Deno.test("a sink that delivers exactly once has each part of each record once, over retries, and sent by another router", async () => {
  const kept = new Map<string, string>();
  await sendAll(kept, 3);
  const parts = new Set(kept.values());
  assertEquals([kept.size, parts.size], [900, 900]);
  // A router that knows nothing of the first one, as after the loss of its offsets.
  await sendAll(kept, 0);
  assertEquals(kept.size, 900, "nothing is kept twice");
});
