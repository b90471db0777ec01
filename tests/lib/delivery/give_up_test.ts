import { assertEquals } from "@std/assert";
import { GiveUp } from "../../../lib/delivery/give_up.ts";
import { doubtfulTriesMax, givenUpInARowMax } from "../../../lib/limits.ts";

function decisions(giveUps: GiveUp, count: number): boolean[] {
  return Array.from({ length: count }, () => giveUps.decide());
}

Deno.test("GiveUp gives a few records up in a row, then doubts the service", () => {
  const giveUps = new GiveUp();
  assertEquals(
    decisions(giveUps, givenUpInARowMax),
    Array(givenUpInARowMax).fill(true),
  );
  assertEquals(giveUps.doubtsService, false);
  assertEquals(giveUps.decide(), false);
  assertEquals(giveUps.doubtsService, true);
});

Deno.test("GiveUp gives a record up after many tries: it must not hold the others for ever", () => {
  const giveUps = new GiveUp();
  decisions(giveUps, givenUpInARowMax);
  const tries = decisions(giveUps, doubtfulTriesMax);
  assertEquals(tries.indexOf(true), doubtfulTriesMax - 1);
});

Deno.test("GiveUp trusts the service again when something went well", () => {
  const giveUps = new GiveUp();
  decisions(giveUps, givenUpInARowMax + 1);
  giveUps.succeeded();
  assertEquals(giveUps.doubtsService, false);
  assertEquals(giveUps.decide(), true);
});
