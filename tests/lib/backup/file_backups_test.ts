import { assertEquals } from "@std/assert";
import { FileBackups } from "../../../lib/backup/file_backups.ts";
import { testBackupStore } from "../../contract/backup_store_contract.ts";
import { Code } from "../../../lib/errors.ts";
import { allOf, backupBytes, inPieces } from "../../fixtures/backups.ts";
import { rejection } from "../../fixtures/rejection.ts";

testBackupStore("FileBackups", async () => {
  const folder = await Deno.makeTempDir();
  return Object.assign(await FileBackups.open(`${folder}/backups`), {
    [Symbol.asyncDispose]: () => Deno.remove(folder, { recursive: true }),
  });
});

Deno.test("FileBackups.open() finds what was kept, and removes what was not finished", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const bytes = backupBytes(3);
    const info = await (await FileBackups.open(folder)).save(
      "a",
      inPieces(bytes),
    );
    await Deno.writeFile(`${folder}/b.part`, bytes.subarray(0, 9));
    await Deno.writeTextFile(`${folder}/notes.txt`, "not a backup");
    await Deno.writeTextFile(`${folder}/odd.backup`, "not a backup");
    const store = await FileBackups.open(folder);
    assertEquals(await store.list(), [info]);
    assertEquals(await allOf(store.read("a")), bytes);
    const names = Array.from(Deno.readDirSync(folder), ({ name }) => name);
    assertEquals(names.sort(), ["a.backup", "notes.txt", "odd.backup"]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("FileBackups has no backup whose file was taken away", async () => {
  const folder = await Deno.makeTempDir();
  try {
    const store = await FileBackups.open(folder);
    for (const id of ["a", "b"]) {
      await store.save(id, inPieces(backupBytes(3)));
      await Deno.remove(`${folder}/${id}.backup`);
    }
    await rejection(allOf(store.read("a")), Code.NotFound);
    assertEquals(await store.delete("b"), false);
    assertEquals(await store.list(), []);
    await store.save("a", inPieces(backupBytes(3)));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
