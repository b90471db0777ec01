import { assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { applyCommand } from "../../../lib/state/apply.ts";
import { Tables } from "../../../lib/state/tables.ts";
import { schema } from "../../../proto/schema.ts";

const at = { index: 1, atMs: 0 };

Deno.test("applyCommand() refuses what it cannot read", () => {
  for (const bytes of [new Uint8Array(0), new Uint8Array([0xff])]) {
    const outcome = applyCommand(new Tables(), bytes, at);
    if (outcome.kind !== "refused") throw new Error("it was carried out");
    assertEquals(outcome.refusal.code, Code.Unimplemented);
    assertEquals(outcome.refusal.field, "command");
  }
});

Deno.test("applyCommand() has an outcome for every kind of command, even an empty one", () => {
  const { fieldsArray } = schema.lookupType("conveyor.state.Command");
  for (const { id, name } of fieldsArray) {
    const tag = id < 16 ? [id << 3 | 2] : [id << 3 & 0x7f | 0x82, id >>> 4];
    const bytes = new Uint8Array([...tag, 0]);
    const outcome = applyCommand(new Tables(), bytes, at);
    assertEquals(
      outcome.kind === "done" || outcome.refusal.code !== Code.Unimplemented,
      true,
      name,
    );
  }
});
