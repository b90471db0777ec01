/**
 * The store when it stops between any two of its commits. Goal: whatever was acknowledged is there at
 * the next start, and what was not is there whole, or as a beginning, or not at all. Method: run one
 * scenario with every kind of write, ending it after 1, 2, 3 ... commits, with the last one lost or
 * taken, and open again.
 */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { openStore } from "../../../lib/storage/open_store.ts";
import { StorageError } from "../../../lib/storage/storage_error.ts";
import type { RaftStore } from "../../../lib/storage/store.ts";
import { noPause } from "../../fixtures/no_pause.ts";
import { KvDouble } from "../../fixtures/kv_double.ts";
import {
  confOf,
  contentOf,
  entry,
  fill,
  receive,
  run,
  save,
} from "../../fixtures/store_jobs.ts";
import { decodeManifest } from "../../../lib/storage/manifest.ts";

const identity = { clusterId: "test", nodeId: 1 };
const first = { confState: confOf(1), chunks: [fill(70_000), fill(10)] };
const scheduler = noPause;

/** Where a store stands. */
interface Standing {
  readonly term: number;
  readonly commit: number;
  readonly last: number;
  readonly lastTerm: number;
  readonly snapshot: number;
}

function standing({ view }: RaftStore): Standing {
  const { term, commit } = view.initialState().hardState;
  const last = view.lastIndex();
  const snapshot = view.snapshot()!.index;
  return { term, commit, last, lastTerm: view.term(last), snapshot };
}

/** Each step with the standings that it may leave behind when it is interrupted. */
async function scenario(
  store: RaftStore,
  reached: (standing: Standing) => void,
): Promise<void> {
  const step = async (work: Promise<unknown>): Promise<void> => {
    await work;
    reached(standing(store));
  };
  const entries = (from: number, to: number, term: number, size = 100) =>
    Array.from(
      { length: to - from + 1 },
      (_, at) => entry(from + at, term, fill(size, from + at + term)),
    );
  reached(standing(store));
  await step(run(store, { entries: entries(2, 9, 1) }));
  for (let index = 10; index < 15; index++) {
    await step(
      run(store, { entries: [entry(index, 1, fill(100, index + 1))] }),
    );
  }
  // One that takes three commits, and cuts into a block.
  await step(run(store, {
    hardState: { term: 2, vote: 1, commit: 6 },
    entries: entries(8, 47, 2, 50_000),
  }));
  await step(save(store, 6, 4, [fill(262_144), fill(262_144, 1), fill(9)]));
  // An entry that alone takes more than a commit.
  await step(run(store, {
    hardState: { term: 3, vote: 0, commit: 7 },
    entries: entries(30, 31, 3, 900_000),
  }));
  const received = await receive(store, { index: 20, term: 3 }, [fill(99)]);
  await step(run(store, {
    snapshot: received,
    hardState: { term: 3, vote: 0, commit: 20 },
    entries: entries(21, 22, 3, 400_000),
  }));
}

async function opened(kv: KvDouble): Promise<RaftStore> {
  return await openStore(kv, { identity, first, scheduler });
}

Deno.test("KvStore keeps what it acknowledged when it stops between any two commits", async () => {
  let stopped = true;
  for (let commits = 0; stopped; commits++) {
    for (const lastTakesEffect of [false, true]) {
      const kv = await Deno.openKv(":memory:");
      const double = new KvDouble(kv);
      double.commitsMax = commits;
      double.lastTakesEffect = lastTakesEffect;
      const reached: Standing[] = [];
      try {
        await using store = await opened(double);
        await scenario(store, (at) => reached.push(at));
        stopped = false;
      } catch (error) {
        assert(error instanceof StorageError, `${error}`);
        assertEquals(error.fault, "writeFailed");
      }
      await using again = await opened(new KvDouble(kv));
      await checkAfter(again, reached.at(-1));
      await again.close();
      kv.close();
    }
  }
});

async function checkAfter(
  store: RaftStore,
  acknowledged: Standing | undefined,
): Promise<void> {
  const found = standing(store);
  const { view } = store;
  const manifest = decodeManifest(view.snapshot()!.data);
  await contentOf(store, manifest);
  for (
    const { index, term, data } of view.entries(
      view.firstIndex(),
      found.last + 1,
      Infinity,
    )
  ) {
    assertEquals(data, fill(data.length, index + term), `entry ${index}`);
  }
  assert(found.last >= found.commit && found.commit >= found.snapshot);
  if (acknowledged) {
    assert(found.term >= acknowledged.term, "the term fell");
    assert(found.commit >= acknowledged.commit, "the commit fell");
    assert(found.snapshot >= acknowledged.snapshot, "the snapshot is older");
    if (found.term === acknowledged.term && found.snapshot < 20) {
      assertEquals(found.last >= acknowledged.last, true, "the log is shorter");
    }
  }
  // And it goes on from there.
  await run(store, { entries: [entry(found.last + 1, found.term)] });
}

Deno.test("KvStore shows a job once it is durable, and writes what waits in one commit", async () => {
  const kv = await Deno.openKv(":memory:");
  const double = new KvDouble(kv);
  const store = await openStore(double, { identity });
  await run(store, { hardState: { term: 1, vote: 0, commit: 0 } });
  const before = double.commits.length;
  const gate = Promise.withResolvers<void>();
  double.gate = gate.promise;
  const jobs = [run(store, { entries: [entry(1, 1)] })];
  while (double.commits.length === before) await Promise.resolve();
  for (let index = 2; index <= 50; index++) {
    jobs.push(run(store, { entries: [entry(index, 1)] }));
  }
  assertEquals(store.view.lastIndex(), 0);
  gate.resolve();
  await jobs[0];
  assertEquals(store.view.lastIndex(), 1);
  await Promise.all(jobs);
  assertEquals(store.view.lastIndex(), 50);
  const written = double.commits.slice(before).map(({ keys }) => keys);
  assertEquals(written, [
    [["l", 1], ["m", "hs"]],
    [["l", 2], ["m", "hs"]],
  ]);
  await store.close();
  kv.close();
});

Deno.test("KvStore lets a job through between any two commits of a snapshot", async () => {
  const kv = await Deno.openKv(":memory:");
  const double = new KvDouble(kv);
  const store = await openStore(double, { identity, first, scheduler });
  await run(store, { entries: [entry(2, 1)] });
  const begin = double.commits.length;
  let index = 2;
  let saving = true;
  const saved = save(
    store,
    1,
    2,
    Array.from({ length: 6 }, () => fill(262_144)),
  )
    .catch((error) => error).finally(() => saving = false);
  while (saving) await run(store, { entries: [entry(++index, 1)] });
  const rooms = double.commits.slice(begin).map(({ keys }) => keys[0]![0]);
  assert(!rooms.join("").includes("ss"), rooms.join(""));
  assertEquals((await saved).code, 10, "it is no newer than the live one");
  await assertRejects(() => save(store, 1, 2, []));
  await store.close();
  kv.close();
});
