import { assertEquals } from "@std/assert";
import { pipelineFaultsMax } from "../../../lib/limits.ts";
import { Faults } from "../../../lib/routing/faults.ts";

Deno.test("Faults.list() gives each fault with its field, rule and value", () => {
  const faults = new Faults();
  assertEquals([faults.none, faults.list()], [true, []]);
  faults.add("stages[0].id", "must not be empty", "");
  faults.say("stages", "must have a source");
  assertEquals([faults.none, faults.list()], [false, [
    { field: "stages[0].id", description: 'must not be empty, found ""' },
    { field: "stages", description: "must have a source" },
  ]]);
});

Deno.test("Faults.list() counts what is beyond its bound", () => {
  const faults = new Faults();
  for (let i = 0; i < pipelineFaultsMax + 7; i++) faults.say(`f${i}`, "bad");
  const list = faults.list();
  assertEquals(list.length, pipelineFaultsMax + 1);
  assertEquals(list.at(-1)?.description.split(" ")[0], "7");
});
