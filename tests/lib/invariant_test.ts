import { assertThrows } from "@std/assert";
import { invariant, InvariantViolation } from "../../lib/invariant.ts";

Deno.test("invariant() throws its message when the condition does not hold", () => {
  invariant(true, "holds");
  assertThrows(
    () => invariant(0, "zero bytes left"),
    InvariantViolation,
    "zero bytes left",
  );
});
