import { assertEquals, assertRejects } from "@std/assert";
import { Outbox } from "../../../lib/handlers/outbox.ts";

async function numbersOf(
  outbox: Outbox,
  seen: number[],
  each: (n: number) => void = () => {},
): Promise<void> {
  for await (const [n] of outbox) {
    seen.push(n!);
    each(n!);
  }
}

Deno.test("Outbox gives on all that was put before its end, also while it was read", async () => {
  const outbox = new Outbox();
  outbox.put(Uint8Array.of(1));
  const seen: number[] = [];
  await numbersOf(outbox, seen, (n) => {
    if (n === 3) return;
    outbox.put(Uint8Array.of(n + 1));
    if (n === 2) outbox.end();
  });
  assertEquals(seen, [1, 2, 3]);
});

Deno.test("Outbox wakes who waits for a message, and ends with the error after the last one", async () => {
  const outbox = new Outbox();
  const seen: number[] = [];
  const reading = numbersOf(outbox, seen);
  await Promise.resolve();
  outbox.put(Uint8Array.of(7));
  outbox.end(new Error("the source is gone"));
  outbox.put(Uint8Array.of(8));
  await assertRejects(() => reading, Error, "the source is gone");
  assertEquals(seen, [7]);
});
