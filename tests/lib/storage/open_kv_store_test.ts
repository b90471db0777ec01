/** A data directory that does not fit is refused with one sentence; two owners cannot both go on. */
import {
  assert,
  assertEquals,
  assertNotEquals,
  assertRejects,
} from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { inMemoryDirectory } from "../../fixtures/memory_directory.ts";
import { encodeIdentity } from "../../../lib/storage/identity.ts";
import { openKvStore } from "../../../lib/storage/open_kv_store.ts";
import { openStore } from "../../../lib/storage/open_store.ts";
import {
  StorageError,
  type StorageFault,
} from "../../../lib/storage/storage_error.ts";
import { KvDouble } from "../../fixtures/kv_double.ts";
import { identityKey, stateKey } from "../../../lib/storage/kv_keys.ts";
import { openRecord, recordKind, seal } from "../../../lib/storage/record.ts";
import { confOf, entry, fill, run, save } from "../../fixtures/store_jobs.ts";

const identity = { clusterId: "test", nodeId: 1 };

/** The refusal of the directory, twice: it must not have changed by the first. */
async function refusal(
  directory: string,
  fault: StorageFault,
): Promise<string> {
  const open = async (): Promise<void> => {
    await (await openKvStore({ directory, identity })).close();
  };
  const once = await assertRejects(open, StorageError);
  const twice = await assertRejects(open, StorageError);
  assertEquals([once.fault, twice.fault], [fault, fault], once.message);
  assertEquals(once.message, twice.message);
  assert(once.needsOperator);
  const place = `Cannot use data directory ${JSON.stringify(directory)}`;
  assert(once.message.startsWith(place), once.message);
  return once.message;
}

/**
 * The file past the lock, as on a file system that has none. Deno KV opens a file with housekeeping
 * that writes to it, and whoever else writes meanwhile is told that it is locked; it answers only after.
 */
async function openUnlocked(directory: string): Promise<Deno.Kv> {
  const kv = await Deno.openKv(`${directory}/raft.kv`);
  await kv.get(stateKey);
  return kv;
}

async function write(directory: string, incarnations: number): Promise<void> {
  for (let times = 0; times < incarnations; times++) {
    await using store = await openKvStore({ directory, identity });
    await run(store, { entries: [entry(store.view.lastIndex() + 1, 1)] });
  }
}

Deno.test("openKvStore() makes the directory, and refuses one whose store is open here", async () => {
  await inMemoryDirectory(async (parent) => {
    const directory = `${parent}/a/b`;
    {
      await using store = await openKvStore({ directory, identity });
      const said = await refusal(directory, "locked");
      assert(said.includes(`process ${Deno.pid} has it`), said);
      await run(store, { entries: [entry(1, 1)] });
    }
    await using store = await openKvStore({ directory, identity });
    assertEquals(store.view.lastIndex(), 1);
  });
});

Deno.test("openKvStore() refuses a path that is a file", async () => {
  await inMemoryDirectory(async (directory) => {
    const path = `${directory}/file`;
    await Deno.writeTextFile(path, "");
    const said = await refusal(path, "unusable");
    assert(said.includes("it is a file"), said);
  });
});

Deno.test("openKvStore() never tells to remove a file that only cannot be opened now", async () => {
  await inMemoryDirectory(async (directory) => {
    await Deno.mkdir(`${directory}/raft.kv`);
    const said = await refusal(directory, "unusable");
    assert(said.includes("raft.kv: unable to open database file"), said);
    assert(!said.includes("remove"), said);
  });
});

Deno.test("openKvStore() refuses options of the wrong kind by name", async () => {
  for (const directory of ["", 7 as unknown as string]) {
    const error = await assertRejects(
      () => openKvStore({ directory, identity }),
      ConveyorError,
    );
    assertEquals(error.code, Code.InvalidArgument);
    assertEquals(error.details[0]?.field, "directory");
  }
});

Deno.test("openKvStore() refuses a file that is no database, and one that is gone", async () => {
  await inMemoryDirectory(async (directory) => {
    await write(directory, 2);
    const file = `${directory}/raft.kv`;
    await Deno.writeFile(file, fill(8_192));
    const said = await refusal(directory, "corrupt");
    assert(said.includes("raft.kv cannot be opened"), said);
    await Deno.remove(file);
    const gone = await refusal(directory, "corrupt");
    assert(gone.includes("is empty, but was opened 2 times"), gone);
  });
});

Deno.test("openKvStore() refuses an older copy of the file put in its place", async () => {
  await inMemoryDirectory(async (directory) => {
    await write(directory, 1);
    const file = `${directory}/raft.kv`;
    const copy = await Deno.readFile(file);
    await write(directory, 2);
    await Deno.writeFile(file, copy);
    const said = await refusal(directory, "corrupt");
    assert(said.includes("opened 3 times and knows of 1"), said);
  });
});

Deno.test("openKvStore() refuses a damaged note, and does without one", async () => {
  await inMemoryDirectory(async (directory) => {
    await write(directory, 1);
    const note = `${directory}/opened`;
    assertEquals(await Deno.readTextFile(note), "1\n");
    for (const text of ["", "1", "-1\n", "x\n", "99999999999999999999\n"]) {
      await Deno.writeTextFile(note, text);
      await refusal(directory, "corrupt");
    }
    await Deno.remove(note);
    await write(directory, 1);
    assertEquals(await Deno.readTextFile(note), "2\n");
  });
});

Deno.test("openKvStore() knows a store by the id that was drawn for it, one of the earlier format too", async () => {
  await inMemoryDirectory(async (directory) => {
    const idOf = async (where: string): Promise<string> => {
      await using store = await openKvStore({ directory: where, identity });
      return store.storeId;
    };
    const first = await idOf(directory);
    assertEquals(await idOf(directory), first);
    assertNotEquals(await idOf(`${directory}/other`), first);
    const earlier = openRecord(recordKind.identity).uint64(1).uint64(2)
      .uint64(identity.nodeId).string(identity.clusterId);
    {
      using kv = await Deno.openKv(`${directory}/raft.kv`);
      await kv.set(identityKey, seal(earlier));
    }
    const drawn = await idOf(directory);
    assert(drawn !== "" && drawn !== first);
    assertEquals(await idOf(directory), drawn);
  });
});

Deno.test("openKvStore() refuses a store of a newer format", async () => {
  await inMemoryDirectory(async (directory) => {
    await write(directory, 1);
    const kv = await Deno.openKv(`${directory}/raft.kv`);
    const newer = encodeIdentity({
      ...identity,
      format: 3,
      incarnation: 1,
      storeId: "",
    });
    await kv.set(["m", "id"], newer);
    kv.close();
    const said = await refusal(directory, "newerFormat");
    assert(said.includes("in format 3, and this one knows up to 2"), said);
  });
});

Deno.test("openKvStore() refuses or reads whole what a byte of the file was flipped in", async () => {
  await inMemoryDirectory(async (directory) => {
    {
      await using store = await openKvStore({
        directory,
        identity,
        first: { confState: confOf(1), chunks: [fill(9_000)] },
      });
      for (let index = 2; index < 40; index++) {
        await run(store, { entries: [entry(index, 1, fill(300, index))] });
      }
    }
    const file = `${directory}/raft.kv`;
    const bytes = await Deno.readFile(file);
    let refused = 0;
    for (let at = 17; at < bytes.length; at += Math.ceil(bytes.length / 40)) {
      const damaged = bytes.slice();
      damaged[at]! ^= 0x10;
      await Deno.writeFile(file, damaged);
      await Deno.remove(`${directory}/opened`).catch(() => {});
      try {
        await using store = await openKvStore({ directory, identity });
        const found = store.view.entries(2, 40, Infinity);
        assertEquals(found.length, 38, `byte ${at}`);
        for (const { index, data } of found) {
          assertEquals(data, fill(300, index), `byte ${at}`);
        }
      } catch (error) {
        assert(error instanceof StorageError, `byte ${at}: ${error}`);
        assertEquals(error.fault, "corrupt", error.message);
        refused++;
      }
    }
    assert(refused > 5, `only ${refused} were refused`);
  });
});

Deno.test("KvStore stops when another process has written to its file", async () => {
  await inMemoryDirectory(async (directory) => {
    const open = async () =>
      openStore(await openUnlocked(directory), { identity });
    await using one = await open();
    await run(one, {
      hardState: { term: 1, vote: 1, commit: 0 },
      entries: [entry(1, 1)],
    });
    await using two = await open();
    await run(two, { hardState: { term: 2, vote: 2, commit: 1 } });
    const lost = await assertRejects(
      () => run(one, { hardState: { term: 2, vote: 1, commit: 1 } }),
      StorageError,
    );
    assertEquals(lost.fault, "fenced");
    assertEquals(
      await assertRejects(() => run(one, { entries: [entry(2, 1)] })),
      lost,
    );
    assertEquals(await assertRejects(() => save(one, 1, 2, [fill(1)])), lost);
    assertEquals(one.view.lastIndex(), 1);
    await run(two, { entries: [entry(2, 2)] });
    assertEquals(two.view.initialState().hardState.vote, 2);
  });
});

Deno.test("openStore() keeps what a commit that is under way elsewhere will rest on, or ends that commit", async () => {
  await inMemoryDirectory(async (directory) => {
    using first = await openUnlocked(directory);
    using second = await openUnlocked(directory);
    const elsewhere = new KvDouble(first);
    await using one = await openStore(elsewhere, { identity });
    await run(one, { entries: [entry(1, 1), entry(2, 1)] });
    const held = Promise.withResolvers<void>();
    const free = Promise.withResolvers<void>();
    // Its chunks are there, and the commit that makes it the live snapshot waits for the disk.
    elsewhere.beforeCommit = async (_, { keys }) => {
      if (!keys.includes(stateKey)) return;
      held.resolve();
      await free.promise;
    };
    const lost = assertRejects(() => save(one, 2, 3, [fill(9)]), StorageError);
    await Promise.race([held.promise, lost]);

    const here = new KvDouble(second);
    here.beforeCommit = async (number) => {
      if (number < 2) return;
      free.resolve();
      await lost;
    };
    await (await openStore(here, { identity })).close();
    assertEquals((await lost).fault, "fenced");
    await using again = await openStore(here, { identity });
    assertEquals(again.view.lastIndex(), 2);
  });
});

Deno.test("openStore() of a new file by two owners at once: one has it whole, and the other is fenced off", async () => {
  const holding = (...chunks: Uint8Array[]) => ({
    identity,
    first: { confState: confOf(1), chunks },
  });
  /** One stops before its commit `turn` until the other is at its commit `other`, and ends meanwhile. */
  const race = async (turn: number, other: number): Promise<void> => {
    await inMemoryDirectory(async (directory) => {
      using first = await openUnlocked(directory);
      using second = await openUnlocked(directory);
      // What a set-up that was interrupted has left, both of them find.
      const broken = new KvDouble(first);
      broken.commitsMax = 3;
      await assertRejects(() => openStore(broken, holding(fill(9), fill(9))));

      const [one, two] = [new KvDouble(first), new KvDouble(second)];
      const held = Promise.withResolvers<void>();
      const free = Promise.withResolvers<void>();
      one.beforeCommit = async (number) => {
        if (number !== turn) return;
        held.resolve();
        await free.promise;
      };
      const opening = openStore(one, holding(fill(8), fill(8), fill(8)));
      const settled = opening.catch(() => {});
      await Promise.race([held.promise, opening]);
      two.beforeCommit = async (number) => {
        if (number !== other) return;
        free.resolve();
        await settled;
      };
      const opened = await Promise.allSettled([
        openStore(two, holding(fill(7), fill(7))).finally(free.resolve),
        opening,
      ]);
      const faults = opened.flatMap((end) =>
        end.status === "rejected" ? [end.reason.fault] : []
      );
      assertEquals(faults, ["fenced"], `${turn}, ${other}`);
      await using again = await openStore(one, { identity });
      assertEquals(again.view.snapshot()?.index, 1);
    });
  };
  // The mark, what is deleted, three chunks, what makes them the store, and its first owner's commit.
  for (let turn = 1; turn <= 7; turn++) {
    for (let other = 1; other <= 6; other++) await race(turn, other);
  }
});
