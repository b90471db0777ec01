import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { inMemoryDirectory } from "../../fixtures/memory_directory.ts";
import { MetStores } from "../../../lib/storage/met_stores.ts";
import { StorageError } from "../../../lib/storage/storage_error.ts";

Deno.test("MetStores knows whom it has met after a restart", async () => {
  await inMemoryDirectory(async (directory) => {
    const met = await MetStores.open(directory);
    assertEquals(met.get(2), undefined);
    met.set(2, "a");
    met.set(30, "b");
    for (const each of [met, await MetStores.open(directory)]) {
      assertEquals([2, 30, 3].map((id) => each.get(id)), ["a", "b", undefined]);
    }
  });
});

Deno.test("MetStores notes what it is told, of those that it has not met itself", async () => {
  await inMemoryDirectory(async (directory) => {
    (await MetStores.open(directory)).set(2, "a");
    const told = new Map([[2, "stray"], [3, "b"]]);
    for (
      const met of [
        await MetStores.open(directory, told),
        await MetStores.open(directory),
      ]
    ) assertEquals([2, 3].map((id) => met.get(id)), ["a", "b"]);
  });
});

Deno.test("MetStores refuses what is damaged", async () => {
  await inMemoryDirectory(async (directory) => {
    for (const damaged of ["2\n", "2 a b\n", "x a\n", "\n", "2 a\n3"]) {
      await Deno.writeTextFile(`${directory}/met`, damaged);
      const error = await assertRejects(
        () => MetStores.open(directory),
        StorageError,
      );
      assertEquals(error.fault, "corrupt");
      assert(error.message.includes('"met" is damaged'), error.message);
    }
  });
});

Deno.test("MetStores takes nobody for met whom it could not note", async () => {
  await inMemoryDirectory(async (directory) => {
    const met = await MetStores.open(`${directory}/gone`);
    const error = assertThrows(() => met.set(2, "a"), StorageError);
    assertEquals(error.fault, "writeFailed");
    assert(error.message.includes(`${directory}/gone`), error.message);
    assertEquals(met.get(2), undefined);
  });
});
