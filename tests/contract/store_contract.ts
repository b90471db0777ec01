/**
 * What every RaftStore promises (lib/storage/store.ts), tested the same way over each of them: what a
 * promise says is there is there, also after the store was opened again, in the order of the calls.
 */
import { assertEquals, assertRejects } from "@std/assert";
import { Code, ConveyorError } from "../../lib/errors.ts";
import { InvariantViolation } from "../../lib/invariant.ts";
import { seededRandom } from "../../lib/random.ts";
import { entriesBytes } from "../../lib/raft/entry_size.ts";
import { MemoryStorage } from "../../lib/raft/memory_storage.ts";
import type { HardState } from "../../lib/raft/types.ts";
import { decodeManifest } from "../../lib/storage/manifest.ts";
import type {
  FirstSnapshot,
  NodeIdentity,
  RaftStore,
  SnapshotManifest,
} from "../../lib/storage/store.ts";
import { StorageError } from "../../lib/storage/storage_error.ts";
import {
  confOf,
  contentOf,
  entry,
  fill,
  manifestOf,
  receive,
  run,
  save,
} from "../fixtures/store_jobs.ts";

/** One disk, on which a store is opened again and again. */
export interface StoreDisk extends AsyncDisposable {
  open(identity: NodeIdentity, first?: FirstSnapshot): Promise<RaftStore>;
}

const identity: NodeIdentity = { clusterId: "test", nodeId: 1 };
const first: FirstSnapshot = {
  confState: confOf(1, 2, 3),
  chunks: [fill(10, 1), fill(100_000, 2)],
};
const noState: HardState = { term: 0, vote: 0, commit: 0 };

/** Registers the suite for one kind of store. */
export function storeContract(
  name: string,
  makeDisk: () => Promise<StoreDisk>,
): void {
  const test = (
    what: string,
    body: (disk: StoreDisk) => Promise<void>,
  ): void =>
    Deno.test(`${name} ${what}`, async () => {
      await using disk = await makeDisk();
      await body(disk);
    });
  opening(test);
  writing(test);
  saving(test);
  receiving(test);
  closing(test);
}

type Test = (what: string, body: (disk: StoreDisk) => Promise<void>) => void;

function opening(test: Test): void {
  test("open() starts with nothing when there is no first snapshot", async (disk) => {
    await using store = await disk.open(identity);
    assertEquals(store.identity, identity);
    assertEquals(store.incarnation, 1);
    assertEquals(store.logBytes, 0);
    const { view } = store;
    assertEquals([view.firstIndex(), view.lastIndex(), view.term(0)], [
      1,
      0,
      0,
    ]);
    assertEquals(view.initialState(), {
      hardState: noState,
      confState: confOf(),
      applied: 0,
    });
    assertEquals(view.snapshot()?.index, 0);
  });

  test("open() starts from the first snapshot, and only once", async (disk) => {
    for (const incarnation of [1, 2, 3]) {
      await using store = await disk.open(
        identity,
        incarnation < 3 ? first : undefined,
      );
      assertEquals(store.incarnation, incarnation);
      const { view } = store;
      assertEquals(view.initialState(), {
        hardState: { term: 1, vote: 0, commit: 1 },
        confState: confOf(1, 2, 3),
        applied: 1,
      });
      assertEquals([view.firstIndex(), view.lastIndex(), view.term(1)], [
        2,
        1,
        1,
      ]);
      const manifest = decodeManifest(view.snapshot()!.data);
      assertEquals([manifest.index, manifest.term, manifest.chunks], [1, 1, 2]);
      assertEquals(await contentOf(store, manifest), [...first.chunks]);
    }
  });

  test("open() refuses the disk of another node and of another cluster", async (disk) => {
    await (await disk.open(identity)).close();
    for (
      const other of [{ clusterId: "test", nodeId: 2 }, {
        clusterId: "prod",
        nodeId: 1,
      }]
    ) {
      const error = await assertRejects(() => disk.open(other), StorageError);
      assertEquals(error.fault, "otherNode");
      assertEquals(
        error.message.includes('node 1 of cluster "test"') &&
          error.message.includes(
            `node ${other.nodeId} of cluster "${other.clusterId}"`,
          ),
        true,
        error.message,
      );
    }
    await using store = await disk.open(identity);
    assertEquals(store.incarnation, 2);
  });

  test("open() refuses an identity that is none", async (disk) => {
    for (
      const wrong of [{ clusterId: "", nodeId: 1 }, {
        clusterId: "a",
        nodeId: 0,
      }, { clusterId: "a", nodeId: 1.5 }]
    ) {
      const error = await assertRejects(() => disk.open(wrong), ConveyorError);
      assertEquals(error.code, Code.InvalidArgument);
    }
  });
}

function writing(test: Test): void {
  test("persist() keeps entries of every type and size", async (disk) => {
    const sizes = [
      0,
      1,
      999,
      59_000,
      60_000,
      60_001,
      65_536,
      200_000,
      1_500_000,
    ];
    const entries = [
      ...sizes.map((size, at) => entry(at + 1, 1, fill(size, at))),
      { ...entry(10, 2), type: "confChange" as const },
      { ...entry(11, 2), type: "confChangeV2" as const },
    ];
    {
      await using store = await disk.open(identity);
      await run(store, { entries });
      assertEquals(store.view.entries(1, 12, Infinity), entries);
    }
    await using store = await disk.open(identity);
    assertEquals(store.view.entries(1, 12, Infinity), entries);
    assertEquals(store.logBytes, entriesBytes(entries));
  });

  test("persist() keeps the hard state until it is replaced", async (disk) => {
    const hardState = { term: 7, vote: 3, commit: 1 };
    {
      await using store = await disk.open(identity);
      await run(store, { hardState, entries: [entry(1, 7)] });
      await run(store, { entries: [entry(2, 7)] });
      assertEquals(store.view.initialState().hardState, hardState);
      await run(store, { hardState: { ...hardState, commit: 2 } });
    }
    await using store = await disk.open(identity);
    assertEquals(store.view.initialState().hardState, {
      ...hardState,
      commit: 2,
    });
    assertEquals([store.view.lastIndex(), store.view.term(2)], [2, 7]);
  });

  test("persist() replaces a conflicting suffix, and the log may become shorter", async (disk) => {
    const kept = [1, 2, 3, 4].map((index) => entry(index, 1, fill(30, index)));
    const next = entry(3, 2, fill(5, 9));
    {
      await using store = await disk.open(identity);
      await run(store, { entries: kept });
      await run(store, { entries: [entry(5, 1), entry(6, 1)] });
      await run(store, {
        hardState: { term: 2, vote: 0, commit: 2 },
        entries: [next],
      });
      assertEquals(store.view.lastIndex(), 3);
    }
    await using store = await disk.open(identity);
    assertEquals(store.view.entries(1, 4, Infinity), [
      kept[0]!,
      kept[1]!,
      next,
    ]);
    assertEquals(store.logBytes, entriesBytes([kept[0]!, kept[1]!, next]));
  });

  test("persist() takes effect in the order of the calls, though none is waited for", async (disk) => {
    const store = await disk.open(identity);
    const order: number[] = [];
    const calls: Promise<void>[] = [];
    for (let round = 1; round <= 100; round++) {
      // Each replaces the second half of what the one before wrote.
      const entries = [0, 1, 2, 3].map((at) =>
        entry(2 * round - 1 + at, round)
      );
      const hardState = { term: round, vote: round % 3, commit: 0 };
      calls.push(
        run(store, { hardState, entries }).then(() => void order.push(round)),
      );
    }
    await Promise.all(calls);
    assertEquals(order, Array.from({ length: 100 }, (_, at) => at + 1));
    const terms = Array.from(
      { length: 202 },
      (_, at) => Math.min(100, Math.floor(at / 2) + 1),
    );
    for (let opened = store, again = false;; again = true) {
      const { view } = opened;
      assertEquals(view.initialState().hardState.term, 100);
      assertEquals(
        view.entries(1, view.lastIndex() + 1, Infinity).map(({ term }) => term),
        terms,
      );
      await opened.close();
      if (again) break;
      opened = await disk.open(identity);
    }
  });

  test("persist() shows what a plain log would, over random jobs and restarts", async (disk) => {
    const seed = Math.floor(performance.now() * 1000) % 1_000_000;
    try {
      await randomJobs(disk, seededRandom(seed));
    } catch (error) {
      throw new Error(`SEED ${seed}`, { cause: error });
    }
  });

  test("persist() rejects what only a bug could ask for, and changes nothing", async (disk) => {
    await using store = await disk.open(identity, first);
    await run(store, { entries: [entry(2, 1), entry(3, 1)] });
    const jobs = [
      { entries: [entry(5, 1)] },
      { entries: [entry(1, 1)] },
      { entries: [entry(4, 1), entry(6, 1)] },
      { hardState: { term: 1, vote: 0, commit: 4 } },
      { hardState: { term: 1, vote: 0, commit: 0 }, entries: [entry(4, 2)] },
      {
        hardState: { term: 2, vote: 0, commit: 0 },
        entries: [entry(3, 2), entry(4, 1)],
      },
      { snapshot: manifestOf({ index: 9, term: 1 }, [fill(1)]) },
    ];
    for (const job of jobs) {
      await assertRejects(() => run(store, job), InvariantViolation);
    }
    await run(store, { entries: [entry(4, 1)] });
    assertEquals([store.view.firstIndex(), store.view.lastIndex()], [2, 4]);
  });
}

/** Random appends, cuts, votes, snapshots and restarts against a plain log. */
async function randomJobs(
  disk: StoreDisk,
  random: () => number,
): Promise<void> {
  const below = (n: number): number => Math.floor(random() * n);
  const model = new MemoryStorage();
  let hardState = noState;
  let store = await disk.open(identity);
  for (let step = 0; step < 150; step++) {
    const { view } = store;
    const last = view.lastIndex();
    const chance = random();
    if (chance < 0.06) {
      await store.close();
      store = await disk.open(identity);
    } else if (chance < 0.12 && hardState.commit > model.snapshot()!.index) {
      const index = hardState.commit;
      const from = Math.max(
        model.firstIndex(),
        index + 1 - below(4),
      );
      const manifest = await save(store, index, from, [
        fill(below(70_000) + 1),
      ]);
      const { data } = view.snapshot()!;
      assertEquals(decodeManifest(data), manifest);
      model.createSnapshot(index, confOf(1), data);
      model.compact(from - 1);
    } else if (chance < 0.16) {
      const index = hardState.commit + 1 + below(12);
      const term = Math.max(1, hardState.term);
      const manifest = await receive(store, { index, term }, [
        fill(below(70_000) + 1),
      ]);
      const next = Array.from(
        { length: below(3) },
        (_, at) => entry(index + 1 + at, term),
      );
      hardState = { term, vote: below(4), commit: index };
      await run(store, { hardState, snapshot: manifest, entries: next });
      model.applySnapshot(view.snapshot()!);
      assertEquals(decodeManifest(view.snapshot()!.data), manifest);
      model.append(next);
      model.setHardState(hardState);
    } else {
      const { commit } = hardState;
      const start = Math.max(
        commit + 1,
        last + 1 - below(random() < 0.3 ? 6 : 1),
      );
      const term = Math.max(1, hardState.term) + below(2);
      const entries = Array.from(
        { length: below(6) },
        (_, at) =>
          entry(start + at, term, fill(below(random() < 0.1 ? 9e4 : 99), step)),
      );
      const end = entries.length > 0 ? start + entries.length - 1 : last;
      hardState = {
        term,
        vote: below(4),
        commit: Math.min(end, commit + below(4)),
      };
      model.append(entries);
      model.setHardState(hardState);
      await run(store, { hardState, entries });
    }
    assertEquals(picture(store.view), picture(model));
  }
  await store.close();
}

function picture(view: RaftStore["view"]): unknown {
  const [first, last] = [view.firstIndex(), view.lastIndex()];
  return {
    state: view.initialState(),
    entries: first <= last ? view.entries(first, last + 1, Infinity) : [],
    before: [first - 1, view.term(first - 1)],
    snapshot: view.snapshot(),
  };
}

function saving(test: Test): void {
  test("saveSnapshot() makes it the live one and drops the entries before", async (disk) => {
    const chunks = [fill(1, 1), fill(262_144, 2), fill(70_000, 3)];
    let manifest: SnapshotManifest;
    {
      await using store = await disk.open(identity, first);
      await run(store, {
        hardState: { term: 1, vote: 0, commit: 8 },
        entries: [2, 3, 4, 5, 6, 7, 8, 9].map((index) => entry(index, 1)),
      });
      manifest = await save(store, 8, 6, chunks);
      assertEquals(manifest, manifestOf({ index: 8, term: 1 }, chunks));
    }
    await using store = await disk.open(identity);
    const { view } = store;
    assertEquals([view.firstIndex(), view.lastIndex()], [6, 9]);
    assertEquals([view.term(5), view.term(9)], [1, 1]);
    assertEquals(view.initialState().applied, 8);
    assertEquals(decodeManifest(view.snapshot()!.data), manifest);
    assertEquals(await contentOf(store, manifest), chunks);
    assertEquals(await contentOf(store, manifest, 2), [chunks[2]!]);
    assertEquals(await contentOf(store, manifest, 3), []);
    assertEquals(
      store.logBytes,
      entriesBytes([6, 7, 8, 9].map((i) => entry(i, 1))),
    );
  });

  test("saveSnapshot() commits what it holds, also before the mark of it was written", async (disk) => {
    {
      await using store = await disk.open(identity, first);
      await run(store, {
        hardState: { term: 1, vote: 0, commit: 2 },
        entries: [2, 3, 4].map((index) => entry(index, 1)),
      });
      await save(store, 3, 2, [fill(10)]);
      assertEquals(store.view.initialState().hardState.commit, 3);
    }
    await using store = await disk.open(identity);
    const { hardState, applied } = store.view.initialState();
    assertEquals([hardState.commit, applied], [3, 3]);
  });

  test("saveSnapshot() lets jobs through while its chunks are drawn", async (disk) => {
    await using store = await disk.open(identity, first);
    await run(store, {
      entries: [entry(2, 1)],
      hardState: { term: 1, vote: 0, commit: 2 },
    });
    const jobs: Promise<void>[] = [];
    function* chunks(): Iterable<Uint8Array> {
      for (let at = 0; at < 8; at++) {
        jobs.push(run(store, { entries: [entry(3 + at, 1)] }));
        yield fill(1_000, at);
      }
    }
    const manifest = await store.saveSnapshot(
      { index: 2, term: 1, confState: confOf(1) },
      chunks(),
      3,
    );
    await Promise.all(jobs);
    assertEquals(manifest.chunks, 8);
    assertEquals([store.view.firstIndex(), store.view.lastIndex()], [3, 10]);
  });

  test("saveSnapshot() rejects with what drawing a chunk throws, and changes nothing", async (disk) => {
    await using store = await disk.open(identity, first);
    await run(store, {
      entries: [entry(2, 1)],
      hardState: { term: 1, vote: 0, commit: 2 },
    });
    const fault = new RangeError("no more");
    function* chunks(): Iterable<Uint8Array> {
      yield fill(10);
      throw fault;
    }
    const at = { index: 2, term: 1, confState: confOf(1) };
    const thrown = await assertRejects(() =>
      store.saveSnapshot(at, chunks(), 3)
    );
    assertEquals(thrown, fault);
    for (const size of [0, 262_145]) {
      const error = await assertRejects(
        () => store.saveSnapshot(at, [fill(size)], 3),
        ConveyorError,
      );
      assertEquals(error.code, Code.InvalidArgument);
    }
    assertEquals(store.view.snapshot()?.index, 1);
    await save(store, 2, 3, [fill(10)]);
    assertEquals(store.view.snapshot()?.index, 2);
  });

  test("saveSnapshot() gives up when an installed snapshot has overtaken it", async (disk) => {
    await using store = await disk.open(identity, first);
    await run(store, {
      entries: [entry(2, 1)],
      hardState: { term: 1, vote: 0, commit: 2 },
    });
    const newer = await receive(store, { index: 20, term: 3 }, [fill(9)]);
    let installed: Promise<void> | undefined;
    function* chunks(): Iterable<Uint8Array> {
      yield fill(10);
      installed = run(store, { snapshot: newer });
      yield fill(10);
    }
    const at = { index: 2, term: 1, confState: confOf(1) };
    const error = await assertRejects(
      () => store.saveSnapshot(at, chunks(), 3),
      ConveyorError,
    );
    assertEquals(error.code, Code.Aborted);
    await installed;
    assertEquals(store.view.snapshot()?.index, 20);
    assertEquals(await contentOf(store, newer), [fill(9)]);
  });

  test("readSnapshot() reads on though a newer one is live, and refuses to begin", async (disk) => {
    await using store = await disk.open(identity, first);
    const old = decodeManifest(store.view.snapshot()!.data);
    const read: Uint8Array[] = [];
    for await (const chunk of store.readSnapshot(old)) {
      if (read.length === 0) {
        await run(store, {
          entries: [entry(2, 1)],
          hardState: { term: 1, vote: 0, commit: 2 },
        });
        await save(store, 2, 3, [fill(10)]);
      }
      read.push(chunk);
    }
    assertEquals(read, [...first.chunks]);
    const error = await assertRejects(
      () => contentOf(store, old),
      ConveyorError,
    );
    assertEquals(error.code, Code.NotFound);
    const live = decodeManifest(store.view.snapshot()!.data);
    for (const chunk of [-1, 2, 0.5]) {
      const wrong = await assertRejects(
        () => contentOf(store, live, chunk),
        ConveyorError,
      );
      assertEquals(wrong.code, Code.InvalidArgument);
    }
  });
}

function receiving(test: Test): void {
  const chunks = [fill(70_000, 1), fill(1, 2), fill(262_144, 3)];

  test("receiveSnapshot() takes one in several connections; a job installs it", async (disk) => {
    const manifest = manifestOf({ index: 40, term: 5 }, chunks);
    const next = entry(41, 6, fill(8));
    {
      await using store = await disk.open(identity, first);
      await run(store, { entries: [2, 3, 4].map((index) => entry(index, 1)) });
      const one = await store.receiveSnapshot(manifest);
      await one.write(0, chunks[0]!);
      const two = await store.receiveSnapshot(manifest);
      assertEquals(two.chunks, 1);
      await two.write(1, chunks[1]!);
      await two.write(2, chunks[2]!);
      await two.finish();
      await two.finish();
      assertEquals(store.view.snapshot()?.index, 1);
      await run(store, {
        snapshot: manifest,
        entries: [next],
        hardState: { term: 6, vote: 2, commit: 40 },
      });
      assertEquals(await contentOf(store, manifest), chunks);
    }
    await using store = await disk.open(identity);
    const { view } = store;
    assertEquals(view.initialState(), {
      hardState: { term: 6, vote: 2, commit: 40 },
      confState: manifest.confState,
      applied: 40,
    });
    assertEquals([view.firstIndex(), view.lastIndex(), view.term(40)], [
      41,
      41,
      5,
    ]);
    assertEquals(view.entries(41, 42, Infinity), [next]);
    assertEquals(store.logBytes, entriesBytes([next]));
    assertEquals(await contentOf(store, manifest), chunks);
  });

  test("receiveSnapshot() installs over a longer log, and the commit index follows", async (disk) => {
    {
      await using store = await disk.open(identity);
      await run(store, {
        hardState: { term: 2, vote: 1, commit: 1 },
        entries: Array.from({ length: 30 }, (_, at) => entry(at + 1, 2)),
      });
      await run(store, {
        snapshot: await receive(store, { index: 10, term: 3 }, chunks),
      });
      assertEquals(store.view.lastIndex(), 10);
    }
    await using store = await disk.open(identity);
    assertEquals([store.view.firstIndex(), store.view.lastIndex()], [11, 10]);
    assertEquals(store.view.initialState().hardState, {
      term: 2,
      vote: 1,
      commit: 10,
    });
  });

  test("receiveSnapshot() refuses a chunk that does not come next", async (disk) => {
    await using store = await disk.open(identity);
    const manifest = manifestOf({ index: 40, term: 5 }, chunks);
    const receiver = await store.receiveSnapshot(manifest);
    const refused = async (chunk: number, data: Uint8Array): Promise<void> => {
      const error = await assertRejects(
        () => receiver.write(chunk, data),
        ConveyorError,
      );
      assertEquals(error.code, Code.InvalidArgument);
    };
    await refused(1, chunks[1]!);
    await refused(0, fill(0));
    await refused(0, fill(262_145));
    await receiver.write(0, chunks[0]!);
    await refused(0, chunks[0]!);
    await receiver.write(1, fill(262_144));
    await refused(2, chunks[2]!);
    await receiver.write(2, fill(1));
    await refused(3, fill(1));
    assertEquals(receiver.chunks, 3);
  });

  test("receiveSnapshot() drops what does not fit its manifest", async (disk) => {
    await using store = await disk.open(identity);
    const manifest = manifestOf({ index: 40, term: 5 }, chunks);
    for (
      const sent of [chunks.slice(0, 2), [chunks[0]!, fill(1, 3), chunks[2]!]]
    ) {
      const receiver = await store.receiveSnapshot(manifest);
      assertEquals(receiver.chunks, 0);
      for (const [at, data] of sent.entries()) await receiver.write(at, data);
      const error = await assertRejects(() => receiver.finish(), ConveyorError);
      assertEquals(error.code, Code.DataLoss);
    }
    await receive(store, { index: 40, term: 5 }, chunks);
  });

  test("receiveSnapshot() receives one at a time, and keeps a whole one until it is installed", async (disk) => {
    await using store = await disk.open(identity);
    const whole = await receive(store, { index: 10, term: 2 }, chunks);
    const left = await store.receiveSnapshot(
      manifestOf({ index: 20, term: 2 }, chunks),
    );
    await left.write(0, chunks[0]!);
    const newest = manifestOf({ index: 30, term: 2 }, chunks);
    const receiver = await store.receiveSnapshot(newest);
    for (const call of [() => left.write(1, chunks[1]!), () => left.finish()]) {
      const error = await assertRejects(call, ConveyorError);
      assertEquals(error.code, Code.Aborted);
    }
    await run(store, { snapshot: whole });
    assertEquals(await contentOf(store, whole), chunks);
    for (const [at, data] of chunks.entries()) await receiver.write(at, data);
    await receiver.finish();
    await run(store, { snapshot: newest });
    assertEquals(store.view.firstIndex(), 31);
    assertEquals(await contentOf(store, newest), chunks);
  });
}

function closing(test: Test): void {
  test("close() waits for what is being written, twice is once, and nothing works after", async (disk) => {
    const store = await disk.open(identity, first);
    const job = run(store, { entries: [entry(2, 1)] });
    await Promise.all([store.close(), store.close(), job]);
    const calls = [
      () => run(store, { entries: [entry(3, 1)] }),
      () => save(store, 1, 2, [fill(1)]),
      () => store.receiveSnapshot(manifestOf({ index: 9, term: 1 }, [fill(1)])),
    ];
    for (const call of calls) {
      const error = await assertRejects(call, ConveyorError);
      assertEquals(error.code, Code.FailedPrecondition);
    }
    await using again = await disk.open(identity);
    assertEquals(again.view.lastIndex(), 2);
  });
}
