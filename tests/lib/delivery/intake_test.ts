import { assertEquals } from "@std/assert";
import { Intake, Outcome } from "../../../lib/delivery/intake.ts";
import { Rejection } from "../../../lib/delivery/rejection.ts";
import { nobody, recordsOf, viewOf } from "../../fixtures/loads.ts";

Deno.test("Intake gathers outcomes in the order in which they become known", () => {
  const intake = new Intake(nobody, "b", viewOf(recordsOf(1, 2, 3)).ids);
  assertEquals([intake.count, intake.open, intake.freshCount], [3, 3, 0]);
  intake.answer(2, Outcome.Accepted, Rejection.None);
  intake.answer(0, Outcome.Rejected, Rejection.NoCredit);
  assertEquals([intake.open, intake.freshCount], [1, 2]);
  assertEquals(Array.from(intake.fresh.subarray(0, 2)), [2, 0]);
  assertEquals(Array.from(intake.outcomes), [
    Outcome.Rejected,
    Outcome.Open,
    Outcome.Accepted,
  ]);
  assertEquals(intake.reasons[0], Rejection.NoCredit);
});
