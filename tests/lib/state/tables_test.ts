import { assertEquals } from "@std/assert";
import { Tables } from "../../../lib/state/tables.ts";
import { schema } from "../../../proto/schema.ts";

Deno.test("Tables.aggregates() has every part, and each takes its own entries only", () => {
  const tables = new Tables();
  const parts = tables.aggregates();
  assertEquals(new Set(parts), new Set(Object.values(tables)));
  const entries = schema.lookupType("conveyor.state.SnapshotEntry").fieldsArray
    .map(({ name }) => name).filter((name) =>
      name !== "header" && name !== "end"
    );
  assertEquals(entries.length >= parts.length, true);
  for (const part of parts) assertEquals(part.load({}), false);
});
