import { assertEquals, assertLessOrEqual, assertRejects } from "@std/assert";
import { Buffer } from "node:buffer";
import { Duplex } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { readMessages } from "../../../lib/runtime/message_stream.ts";

/** How many messages a peer without end has handed over when two were asked for. */
async function takenIn(messageBytes: number): Promise<number> {
  let made = 0;
  const endless = new Duplex({
    objectMode: true,
    read() {
      made++;
      setImmediate(() => this.push(Buffer.alloc(messageBytes)));
    },
  });
  const messages = readMessages(
    endless,
    ["error"],
    () => new Error("failed"),
    (message) => message,
  );
  for (let asked = 0; asked < 2; asked++) {
    assertEquals((await messages.next()).value?.length, messageBytes);
  }
  // Long enough for all of Node's sixteen.
  for (let turns = 0; turns < 100; turns++) await turn();
  await messages.return();
  endless.destroy();
  return made;
}

Deno.test("readMessages() takes in no more than one large message before it is asked for", async () => {
  assertLessOrEqual(await takenIn(1_000_000), 3);
});

Deno.test("readMessages() takes small messages in before they are asked for", async () => {
  assertEquals(await takenIn(10), 2 + 16);
});

Deno.test("readMessages() gives what came before a failure, whether it is waited for or polled", async () => {
  for (const polls of [false, true]) {
    const stream = new Duplex({ objectMode: true, read() {} });
    const messages = readMessages(
      stream,
      ["torn"],
      (reason) => new Error(`${reason}`),
      (message) => message.length,
    );
    if (polls) assertEquals(messages.poll(), undefined);
    const ready = new Promise<void>((resolve) => messages.onReady(resolve));
    stream.push(Buffer.alloc(3));
    if (polls) await ready;
    else assertEquals(await messages.next(), { done: false, value: 3 });
    stream.emit("torn", "the peer left");
    if (polls) assertEquals(messages.poll(), { done: false, value: 3 });
    await assertRejects(() => messages.next(), Error, "the peer left");
    assertEquals((await messages.next()).done, true);
    assertEquals(stream.listenerCount("torn"), 0);
    stream.destroy();
  }
});

Deno.test("readMessages() of a call that was given up before it is read from fails", async () => {
  const stream = Object.assign(new Duplex({ objectMode: true, read() {} }), {
    cancelled: true,
  });
  const messages = readMessages(
    stream,
    [],
    (reason) => new Error(`${reason}`),
    (message) => message,
  );
  await assertRejects(() => messages.next(), Error, "cancelled");
  stream.destroy();
});
