import { assertEquals, assertThrows } from "@std/assert";
import { polled } from "../../../lib/rpc/polled.ts";

async function* words(): AsyncGenerator<string, void, void> {
  yield await Promise.resolve("one");
  throw new Error("torn");
}

Deno.test("polled() gives what an iterator has brought, and tells when", async () => {
  const items = polled(words());
  const ready = (): Promise<void> =>
    new Promise((resolve) => items.onReady(resolve));
  assertEquals(items.poll(), undefined);
  await ready();
  assertEquals(items.poll(), { done: false, value: "one" });
  assertEquals(items.poll(), undefined);
  await ready();
  assertThrows(() => items.poll(), Error, "torn");
  assertEquals(items.poll(), undefined);
  await ready();
  assertEquals(items.poll()?.done, true);
});

Deno.test("polled() ends its iterator when it is left", async () => {
  let ended = false;
  const items = polled((async function* () {
    try {
      yield await Promise.resolve(1);
    } finally {
      ended = true;
    }
  })());
  items.poll();
  await new Promise<void>((resolve) => items.onReady(resolve));
  items.leave();
  await Promise.resolve();
  assertEquals(ended, true);
});
