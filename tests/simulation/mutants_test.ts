import { assertEquals } from "@std/assert";
import { mutants } from "./mutants.ts";

const root = new URL("../../", import.meta.url);

Deno.test("each planted bug still has a place in the source", async () => {
  for (const { name, edits } of mutants) {
    for (const { file, from } of edits) {
      const source = await Deno.readTextFile(new URL(file, root));
      assertEquals(source.split(from).length - 1, 1, `${name}: ${file}`);
    }
  }
});

Deno.test("no two planted bugs have one name", () => {
  assertEquals(new Set(mutants.map(({ name }) => name)).size, mutants.length);
});
