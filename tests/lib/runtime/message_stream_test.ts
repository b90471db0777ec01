import { assertEquals, assertLessOrEqual } from "@std/assert";
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
