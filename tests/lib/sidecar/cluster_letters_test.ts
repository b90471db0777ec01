import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { ClusterLetters } from "../../../lib/sidecar/cluster_letters.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import type { DeadLetter } from "../../../proto/messages/dead_letters.ts";
import { letter } from "../../fixtures/letters.ts";

Deno.test("ClusterLetters gives a letter the same id each time, and every letter another one", async () => {
  const asked: (string | undefined)[][] = [];
  let fails = true;
  const port = new ClusterLetters(
    {
      keep: (letters: readonly MessageInit<DeadLetter>[]) => {
        asked.push(letters.map(({ deadLetterId }) => deadLetterId));
        return fails
          ? Promise.reject(new ConveyorError(Code.Unavailable, "nobody hears"))
          : Promise.resolve();
      },
    },
    { nowMs: () => 0x18f0000_0000, monotonicMs: () => 0 },
    () => 0.5,
  );
  const record = new Uint8Array(0);
  const [one, two] = [letter(1, { record }), letter(2, { record })];
  await assertRejects(() => port.put([one]), ConveyorError);
  fails = false;
  await port.put([one, two]);
  await port.put([letter(1, { record })]);
  const [[first], [again, second], [third]] = asked as [
    [string],
    [string, string],
    [string],
  ];
  assertEquals(first, again);
  assertEquals(new Set([first, second, third]).size, 3);
  for (const id of [first, second, third]) {
    assertMatch(id, /^[0-9a-f]{12}-[0-9a-f]{6}-\d{16}$/);
  }
});
