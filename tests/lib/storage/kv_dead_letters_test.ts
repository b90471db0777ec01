/**
 * Goal: dead letters are kept until somebody replays or discards them, within bounds that never drop one.
 * Method: a real KV file, with time that passes when it is told to.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import type { KvDeadLetters } from "../../../lib/storage/kv_dead_letters.ts";
import type { OpenKvDeadLettersOptions } from "../../../lib/storage/open_kv_dead_letters.ts";
import { StorageError } from "../../../lib/storage/storage_error.ts";
import {
  letter,
  markOf,
  marks,
  openLetters,
  unbounded,
} from "../../fixtures/letters.ts";
import { ManualTime } from "../../fixtures/manual_time.ts";
import { memoryDirectory } from "../../fixtures/memory_directory.ts";

interface Site {
  readonly directory: string;
  readonly time: ManualTime;
  /** Opens the letters of the directory; one store at a time. */
  open(options?: Partial<OpenKvDeadLettersOptions>): Promise<KvDeadLetters>;
}

function letterTest(name: string, test: (site: Site) => Promise<void>): void {
  Deno.test(name, async () => {
    const directory = await memoryDirectory();
    const time = new ManualTime();
    const parts = { clock: time, scheduler: time };
    try {
      await test({
        directory,
        time,
        open: (options) => openLetters(directory, { ...parts, ...options }),
      });
    } finally {
      await Deno.remove(directory, { recursive: true });
    }
  });
}

const sizes = [0, 100, 39_999, 40_001, 64_000, 200_000, 3_000_000];

letterTest(
  "KvDeadLetters gives back every letter, small or large, also after a restart",
  async ({ open }) => {
    const put = sizes.map((bytes, at) => letter(at, { bytes }));
    {
      await using letters = await open();
      await letters.put(put, unbounded);
      assertEquals(letters.count, sizes.length);
    }
    await using letters = await open();
    assertEquals(letters.count, sizes.length);
    const kept = [];
    for await (const each of letters.list()) kept.push(each);
    assertEquals(kept.map(markOf), put.map((_, at) => at));
    for (
      const [at, { record, id: _id, expiresAtMs, nodeId, ...rest }] of kept
        .entries()
    ) {
      const { record: sent, replayOf: _replayOf, ...head } = put[at]!;
      assertEquals(record.length, sent.length);
      assertEquals(rest, head);
      assertEquals(nodeId, 7);
      assert(expiresAtMs > rest.lastFailureMs);
      assertEquals(await letters.get(kept[at]!.id), kept[at]);
    }
    assertEquals(await letters.get("000000000000-000000-7"), undefined);
  },
);

letterTest(
  "KvDeadLetters ids ascend, after a restart and when the clock goes back",
  async ({ open, time }) => {
    const ids: string[] = [];
    for (let round = 0; round < 3; round++) {
      await using letters = await open({
        clock: { ...time, nowMs: () => 1_700_000_000_000 - round * 5_000 },
      });
      await letters.put([letter(2 * round), letter(2 * round + 1)], unbounded);
      ids.splice(0);
      for await (const { id } of letters.list()) ids.push(id);
      assertEquals(await marks(letters), ids.map((_, at) => at));
    }
    assertEquals(ids, [...new Set(ids)].sort());
  },
);

letterTest(
  "KvDeadLetters.list() selects by pipeline, stage, code, time and ids, and goes on behind a letter",
  async ({ open }) => {
    await using letters = await open();
    await letters.put([
      letter(1),
      letter(2, { pipelineId: "other" }),
      letter(3, { stageId: "write" }),
      letter(4, { errorCode: "OUT_OF_RANGE" }),
      letter(5),
    ], unbounded);
    const ids: string[] = [];
    for await (const { id } of letters.list()) ids.push(id);
    const at = 1_700_000_000_000;
    assertEquals(await marks(letters, { pipelineId: "orders" }), [1, 3, 4, 5]);
    assertEquals(await marks(letters, { stageId: "write" }), [3]);
    assertEquals(await marks(letters, { errorCode: "OUT_OF_RANGE" }), [4]);
    assertEquals(
      await marks(letters, { failedFromMs: at + 2, failedBeforeMs: at + 4 }),
      [2, 3],
    );
    assertEquals(
      await marks(letters, { ids: [ids[4]!, "unknown", ids[0]!, ids[4]!] }),
      [1, 5],
    );
    assertEquals(await marks(letters, {}, ids[2]), [4, 5]);
    assertEquals(await marks(letters, { pipelineId: "none" }), []);
    const stats = await letters.stats({ pipelineId: "orders" });
    assertEquals([stats.count, stats.oldestMs, stats.newestMs], [
      4,
      at + 1,
      at + 5,
    ]);
    assertEquals(stats.counts.map(({ count }) => count), [2, 1, 1]);
    assert(stats.bytes > 400 && stats.bytes < letters.bytes);
  },
);

letterTest(
  "KvDeadLetters keeps up to each bound, says which one it is, and drops nothing",
  async ({ open }) => {
    await using letters = await open({
      lettersMax: 8,
      pipelineLettersMax: 5,
      bytesMax: 100_000,
    });
    const refused = async (
      batch: Parameters<KvDeadLetters["put"]>[0],
      reason: string,
      bounds = unbounded,
    ): Promise<void> => {
      const error = await assertRejects(
        () => letters.put(batch, bounds),
        ConveyorError,
        reason,
      );
      assertEquals(error.code, Code.ResourceExhausted);
    };
    const batch = [1, 2, 3, 4, 5, 6, 7].map((mark) => letter(mark));
    // Those that fit are kept, and are not there twice when they are asked for again; the rest is refused.
    assertEquals(await letters.put(batch, unbounded), 5);
    assertEquals(await letters.put(batch, unbounded), 5);
    await refused(batch.slice(5), 'pipeline "orders": it has 5');
    assertEquals(await marks(letters), [1, 2, 3, 4, 5]);
    const few = [8, 9].map((mark) => letter(mark, { pipelineId: "few" }));
    const one = { ...unbounded, recordsMax: 1n };
    assertEquals(await letters.put(few, one), 1);
    await refused(few.slice(1), 'pipeline "few": it has 1', one);
    await refused(
      [letter(10, { pipelineId: "large", bytes: 100_000 })],
      "bytes would pass the bound of 100000",
    );
    const others = [11, 12, 13].map((mark) =>
      letter(mark, { pipelineId: "b" })
    );
    assertEquals(await letters.put(others, unbounded), 2);
    await refused(others.slice(2), "there are 8, the bound");
    assertEquals(await letters.discard({ pipelineId: "orders" }), 5);
    await letters.put(batch.slice(5), unbounded);
    assertEquals(await marks(letters), [8, 11, 12, 6, 7]);
  },
);

letterTest(
  "KvDeadLetters.put() of many at once passes no bound, and keeps each letter once",
  async ({ open }) => {
    await using letters = await open({ pipelineLettersMax: 50 });
    const puts = Array.from({ length: 80 }, (_, at) => letter(at));
    const settled = await Promise.allSettled(
      puts.map((each) => letters.put([each], unbounded)),
    );
    const kept = settled.filter(({ status }) => status === "fulfilled").length;
    assertEquals([kept, letters.count], [50, 50]);
    assertEquals(await marks(letters), puts.slice(0, 50).map((_, at) => at));
  },
);

letterTest(
  "KvDeadLetters removes letters whose time is over, and shows none meanwhile",
  async ({ open, time }) => {
    await using letters = await open({ ageMs: 60_000 });
    const lastFailureMs = time.nowMs();
    await letters.put([letter(1, { lastFailureMs })], unbounded);
    await letters.put(
      [letter(2, { lastFailureMs })],
      { ...unbounded, ageMsMax: 5_000 },
    );
    const [, second] = await Array.fromAsync(letters.list());
    await time.advance(5_000);
    assertEquals(await marks(letters), [1]);
    assertEquals(await letters.get(second!.id), undefined);
    assertEquals(letters.count, 2);
    await time.advance(10_000);
    while (letters.count > 1) await new Promise((done) => setImmediate(done));
    assertEquals(await marks(letters), [1]);
  },
);

letterTest(
  "KvDeadLetters keeps a letter that is held, and takes it back with its new history",
  async ({ open, time }) => {
    await using letters = await open();
    await letters.put([letter(1, { bytes: 90_000 }), letter(2)], unbounded);
    const [first, second] = await Array.fromAsync(letters.list());
    assert(letters.hold(first!.id) && letters.hold(second!.id));
    assert(!letters.hold(first!.id), "it is held already");
    assertEquals(await letters.discard({ pipelineId: "orders" }), 0);
    await time.advance(40 * 24 * 60 * 60_000);
    assertEquals(letters.count, 2);
    // It was split: one part of it keeps the id, the other is a letter of its own.
    const lastFailureMs = time.nowMs();
    const failed = { attempts: 6, replayOf: first!.id, lastFailureMs };
    await letters.put(
      [letter(3, { ...failed, bytes: 80_000 }), letter(4, failed)],
      unbounded,
    );
    letters.release(first!.id);
    await letters.settle(second!.id);
    const kept = await Array.fromAsync(letters.list());
    assertEquals(kept.map(markOf), [3, 4]);
    assertEquals([kept[0]!.id, kept[0]!.attempts], [first!.id, 6]);
    assert(kept[1]!.id > second!.id);
  },
);

letterTest(
  "KvDeadLetters.put() sends letters to the sink of the pipeline, but for those that came back",
  async ({ open }) => {
    const sent: string[] = [];
    await using letters = await open({
      sinks: {
        put: (name, batch) => {
          sent.push(`${name}: ${batch.length}`);
          return Promise.resolve(batch.slice(1));
        },
      },
    });
    await letters.put([letter(1)], unbounded);
    const [kept] = await Array.fromAsync(letters.list());
    assert(letters.hold(kept!.id));
    const toSink = { ...unbounded, sinkService: "morgue" };
    await letters.put(
      [letter(2), letter(3, { replayOf: kept!.id }), letter(4)],
      toSink,
    );
    assertEquals(sent, ["morgue: 2"]);
    // What the sink refused is kept here.
    assertEquals(await marks(letters), [3, 4]);
  },
);

letterTest(
  "KvDeadLetters.close() lets what is under way end, and takes no more",
  async ({ open }) => {
    const letters = await open();
    const put = letters.put([letter(1, { bytes: 1_000_000 })], unbounded);
    await letters.close();
    await put;
    await letters.close();
    await assertRejects(
      () => letters.put([letter(2)], unbounded),
      ConveyorError,
    );
    await assertRejects(() => marks(letters), ConveyorError);
    await using again = await open();
    assertEquals(await marks(again), [1]);
  },
);

letterTest(
  "openKvDeadLetters() refuses letters of another node, those in use, and damaged ones by their id",
  async ({ directory, open }) => {
    let id: string;
    {
      await using letters = await open();
      await letters.put([letter(1)], unbounded);
      await assertRejects(() => open(), StorageError, "has it");
      id = (await Array.fromAsync(letters.list()))[0]!.id;
    }
    const other = { clusterId: "test", nodeId: 8 };
    const error = await assertRejects(
      () => open({ identity: other }),
      StorageError,
    );
    assertEquals(error.fault, "otherNode");
    await assertRejects(
      () => open({ lettersMax: 0 }),
      ConveyorError,
      "lettersMax",
    );
    await damage(directory, ["d", id]);
    const damaged = await assertRejects(() => open(), StorageError, id);
    assertEquals(damaged.fault, "corrupt");
    assert(damaged.message.includes("move letters.kv away"), damaged.message);
  },
);

/** Turns one bit over. */
async function damage(directory: string, key: Deno.KvKey): Promise<void> {
  using kv = await Deno.openKv(`${directory}/letters.kv`);
  const value = (await kv.get<Uint8Array>(key)).value!;
  value[value.length - 20]! ^= 1;
  await kv.set(key, value);
}
