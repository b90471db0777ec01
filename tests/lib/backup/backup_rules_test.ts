import { assertEquals, assertThrows } from "@std/assert";
import { checkedId, checkSize } from "../../../lib/backup/backup_rules.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { restoreBytesMax } from "../../../lib/limits.ts";

Deno.test("checkedId() takes what is a file name everywhere", () => {
  for (const id of ["a", "2026-01-01_a.b", "-"]) {
    assertEquals(checkedId(id), id);
  }
});

Deno.test("checkSize() refuses what could not be brought back", () => {
  checkSize("a", restoreBytesMax);
  const error = assertThrows(
    () => checkSize("a", restoreBytesMax + 1),
    ConveyorError,
  );
  assertEquals(error.code, Code.ResourceExhausted);
});
