import { assertEquals } from "@std/assert";
import { Tables } from "../../../lib/state/tables.ts";
import { schema } from "../../../proto/schema.ts";

Deno.test("Tables.aggregates() has every part, in the order of the entries of snapshots", () => {
  const tables = new Tables();
  assertEquals(new Set(tables.aggregates()), new Set(Object.values(tables)));
  const entries = schema.lookupType("conveyor.state.SnapshotEntry").fieldsArray
    .map(({ name }) => name).slice(1, -1);
  const plurals = entries.map((name) => name.endsWith("s") ? name : `${name}s`);
  assertEquals(Object.keys(tables), plurals);
});

Deno.test("Tables have parts that take no entries of others", () => {
  for (const part of new Tables().aggregates()) {
    assertEquals(part.load({}), false);
  }
});
