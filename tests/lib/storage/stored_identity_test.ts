/** Looking at whose a data directory is disturbs nobody who has it, and leaves nothing behind. */
import { assertEquals, assertRejects } from "@std/assert";
import { inMemoryDirectory } from "../../fixtures/memory_directory.ts";
import { entry, fill, run } from "../../fixtures/store_jobs.ts";
import { identityKey } from "../../../lib/storage/kv_keys.ts";
import { openKvStore } from "../../../lib/storage/open_kv_store.ts";
import { StorageError } from "../../../lib/storage/storage_error.ts";
import { storedIdentity } from "../../../lib/storage/stored_identity.ts";

const identity = { clusterId: "test", nodeId: 7 };

Deno.test("storedIdentity() tells whose a directory is, and lets go of it", async () => {
  await inMemoryDirectory(async (directory) => {
    await (await openKvStore({ directory, identity })).close();
    assertEquals(await storedIdentity(directory), identity);
    await using store = await openKvStore({ directory, identity });
    assertEquals(store.incarnation, 2);
  });
});

Deno.test("storedIdentity() of a directory that nobody set up is undefined, and nothing is made there", async () => {
  await inMemoryDirectory(async (directory) => {
    assertEquals(await storedIdentity(directory), undefined);
    assertEquals(await storedIdentity(`${directory}/a`), undefined);
    assertEquals(await Array.fromAsync(Deno.readDir(directory)), []);
  });
});

Deno.test("storedIdentity() takes no directory for an empty one because it cannot look", async () => {
  await inMemoryDirectory(async (directory) => {
    const path = `${directory}/raft.kv`;
    const fault = async () =>
      (await assertRejects(() => storedIdentity(directory), StorageError))
        .fault;
    await Deno.mkdir(path);
    assertEquals(await fault(), "unusable");
    await Deno.remove(path);
    await Deno.writeFile(path, fill(8_192));
    assertEquals(await fault(), "corrupt");
    await Deno.remove(path);
    using kv = await Deno.openKv(path);
    await kv.set(identityKey, new Uint8Array([1, 2, 3]));
    assertEquals(await fault(), "corrupt");
  });
});

Deno.test("storedIdentity() refuses a directory that is in use without touching its file", async () => {
  await inMemoryDirectory(async (directory) => {
    await using store = await openKvStore({ directory, identity });
    let over = false;
    // One look without the lock stopped the owner in about seventy.
    const looks = (async () => {
      for (let times = 0; times < 300; times++) {
        const look = () => storedIdentity(directory);
        const refused = await assertRejects(look, StorageError);
        assertEquals(refused.fault, "locked");
      }
    })().finally(() => over = true);
    const writes = (async () => {
      for (let index = 1; !over; index++) {
        await run(store, { entries: [entry(index, 1)] });
      }
    })();
    await Promise.all([looks, writes]);
  });
});
