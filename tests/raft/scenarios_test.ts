/** Every transcript in scenarios/ is what the core says, line by line. */
import { assert, assertEquals } from "@std/assert";
import { differences } from "./replay.ts";

const folder = new URL("scenarios/", import.meta.url);
const names = [...Deno.readDirSync(folder)].map(({ name }) => name).sort();

Deno.test("transcripts are there", () => assert(names.length >= 10));

for (const name of names) {
  Deno.test(`transcript ${name}`, () => {
    const text = Deno.readTextFileSync(new URL(name, folder));
    const [first] = differences(text);
    assertEquals(first?.found, first?.expected, `line ${first?.line}`);
  });
}
