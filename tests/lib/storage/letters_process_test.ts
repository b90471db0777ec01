/** Dead letters under processes that are killed at any instant. */
import { assert, assertEquals } from "@std/assert";
import { Child } from "../../fixtures/child.ts";
import { marks, openLetters } from "../../fixtures/letters.ts";

const writer = new URL("../../fixtures/letter_writer.ts", import.meta.url);

Deno.test("KvDeadLetters keeps each letter once that it acknowledged when its process is killed at any instant", async () => {
  const directory = await Deno.makeTempDir();
  const told = new Map<number, string>();
  let next = 0;
  for (let kill = 1; kill <= 8; kill++) {
    for (const line of await linesUntilKilled(directory, next, kill * 11)) {
      const [what, mark] = line.split(" ") as [string, string];
      told.set(Number(mark), what);
    }
    await using letters = await openLetters(directory);
    const found = await marks(letters);
    assertEquals(found.length, letters.count);
    assertEquals(found, [...new Set(found)]);
    for (const [mark, what] of told) {
      if (what === "kept") assert(found.includes(mark), `${mark} is lost`);
      if (what === "gone") assert(!found.includes(mark), `${mark} is back`);
    }
    assertEquals(await partsOfNobody(directory), 0);
    next = 4 + Math.max(...told.keys(), ...found);
  }
  assert([...told.values()].includes("gone"));
  await Deno.remove(directory, { recursive: true });
});

/** Large records that no letter owns: they would fill the disk. */
async function partsOfNobody(directory: string): Promise<number> {
  using kv = await Deno.openKv(`${directory}/letters.kv`);
  const owners = new Set<unknown>();
  for await (const { key } of kv.list({ prefix: ["d"] })) owners.add(key[1]);
  let orphans = 0;
  for await (const { key } of kv.list({ prefix: ["p"] })) {
    if (!owners.has(key[1])) orphans++;
  }
  return orphans;
}

/** What a writer said before it was killed, some while after it has said `count` lines. */
async function linesUntilKilled(
  directory: string,
  first: number,
  count: number,
): Promise<string[]> {
  await using child = new Child(writer, directory, `${first}`);
  const lines: string[] = [];
  while (lines.length < count) lines.push(await child.line());
  child.kill("SIGKILL");
  try {
    for (;;) lines.push(await child.line());
  } catch {
    return lines;
  }
}
