import { assertEquals, assertRejects } from "@std/assert";
import { within } from "../../../lib/consensus/within.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";

Deno.test("within() gives what the promise gives", async () => {
  const { signal } = new AbortController();
  assertEquals(await within(Promise.resolve(5), signal), 5);
  await assertRejects(() => within(Promise.reject(new Error("x")), signal));
});

Deno.test("within() rejects as Canceled when the signal aborts first", async () => {
  const controller = new AbortController();
  const waiting = within(new Promise(() => {}), controller.signal);
  controller.abort();
  const error = await assertRejects(() => waiting, ConveyorError);
  assertEquals(error.code, Code.Canceled);
  const late = await assertRejects(
    () => within(new Promise(() => {}), controller.signal),
    ConveyorError,
  );
  assertEquals(late.code, Code.Canceled);
});

Deno.test("within() rejects with the signal's own error where it has one", async () => {
  const own = new ConveyorError(Code.DeadlineExceeded, "too late");
  const error = await assertRejects(
    () => within(new Promise(() => {}), AbortSignal.abort(own)),
    ConveyorError,
  );
  assertEquals(error, own);
});
