/** What every store of backups promises. */
import { assertEquals } from "@std/assert";
import type { BackupStore } from "../../lib/backup/backup_store.ts";
import { Code } from "../../lib/errors.ts";
import { backupsMax } from "../../lib/limits.ts";
import { allOf, backupBytes, inPieces } from "../fixtures/backups.ts";
import { rejection } from "../fixtures/rejection.ts";

/** Tests the stores that `open` gives, each empty; `close` ends one. */
export function testBackupStore(
  name: string,
  open: () => Promise<BackupStore & AsyncDisposable>,
): void {
  Deno.test(`${name} keeps backups, lists them by age, and gives them back`, async () => {
    await using store = await open();
    const [old, young] = [backupBytes(3, 1_000), backupBytes(30, 2_000)];
    await store.save("young", inPieces(young));
    const info = await store.save("old", inPieces(old, 5));
    assertEquals(info, {
      id: "old",
      sizeBytes: old.length,
      commitIndex: 7,
      term: 3,
      createdAtMs: 1_000,
    });
    assertEquals((await store.list()).map(({ id }) => id), ["old", "young"]);
    assertEquals(await allOf(store.read("young")), young);
    assertEquals(await store.delete("old"), true);
    assertEquals(await store.delete("old"), false);
    await rejection(allOf(store.read("old")), Code.NotFound);
    assertEquals((await store.list()).length, 1);
  });

  Deno.test(`${name} keeps nothing of a backup whose bytes fail`, async () => {
    await using store = await open();
    const failing = async function* () {
      yield* inPieces(backupBytes(3));
      throw new TypeError("the source broke");
    };
    let told = "";
    await store.save("a", failing()).catch(({ message }) => told = message);
    assertEquals(told, "the source broke");
    await rejection(
      store.save("a", inPieces(new Uint8Array(0))),
      Code.DataLoss,
    );
    await rejection(
      store.save("a", inPieces(new Uint8Array(99))),
      Code.DataLoss,
    );
    assertEquals(await store.list(), []);
    await store.save("a", inPieces(backupBytes(1)));
  });

  Deno.test(`${name} refuses a name that is taken or none, and more than there may be`, async () => {
    await using store = await open();
    const save = (id: string) => store.save(id, inPieces(backupBytes(1)));
    const twice = await Promise.allSettled([save("a"), save("a")]);
    assertEquals(twice.map(({ status }) => status), ["fulfilled", "rejected"]);
    await rejection(save("a"), Code.AlreadyExists);
    for (const id of ["", "../a", ".a", "a/b", "a b", "x".repeat(129)]) {
      await rejection(save(id), Code.InvalidArgument);
      await rejection(allOf(store.read(id)), Code.InvalidArgument);
    }
    for (let at = 1; at < backupsMax; at++) await save(`b${at}`);
    await rejection(save("c"), Code.ResourceExhausted);
    await store.delete("b1");
    await save("c");
  });

  Deno.test(`${name} lets who reads a backup read it to its end though it is deleted`, async () => {
    await using store = await open();
    const bytes = backupBytes(10_000);
    await store.save("a", inPieces(bytes, 100_000));
    const reading = store.read("a")[Symbol.asyncIterator]();
    const first = (await reading.next()).value as Uint8Array;
    await store.delete("a");
    const rest = await allOf({ [Symbol.asyncIterator]: () => reading });
    assertEquals(first.length + rest.length, bytes.length);
  });
}
