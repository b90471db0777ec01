import { assertEquals, assertThrows } from "@std/assert";
import { RecordWindow } from "../../clients/record_window.ts";
import { ConveyorError } from "../../lib/errors.ts";
import { recordOf } from "../fixtures/transform_server.ts";

const id = {
  sourceId: "test",
  partition: 1,
  sequenceNumber: 1n,
  idempotencyKey: new Uint8Array(0),
};

/** Whether `promise` has resolved once everything that is ready has run. */
async function resolvedNow(promise: Promise<unknown>): Promise<boolean> {
  let resolved = false;
  promise.then(() => resolved = true);
  for (let turn = 0; turn < 10; turn++) await Promise.resolve();
  return resolved;
}

Deno.test("send() waits until the window is open, and again when it is full", async () => {
  const window = new RecordWindow("/s/M");
  const first = window.send(recordOf(1n), "record");
  assertEquals(await resolvedNow(first), false);
  window.open(1n);
  assertEquals(await first, true);
  const second = window.send(recordOf(2n), "record");
  assertEquals(await resolvedNow(second), false);
  window.settle(id);
  assertEquals(await second, true);
});

Deno.test("send() resolves false when the stream ends while it waits", async () => {
  const window = new RecordWindow("/s/M");
  const waiting = window.send(recordOf(1n), "record");
  window.end();
  assertEquals(await waiting, false);
});

Deno.test("send() sends one record to a service that has no room and nothing to answer", async () => {
  const window = new RecordWindow("/s/M");
  window.open(5n);
  window.limit(0n, 1);
  assertEquals(await window.send(recordOf(1n), "record"), true);
  assertEquals(await resolvedNow(window.send(recordOf(2n), "record")), false);
  window.end();
});

Deno.test("settle() and finish() refuse what does not add up", async () => {
  const window = new RecordWindow("/s/M");
  window.open(5n);
  assertThrows(() => window.settle(id), ConveyorError, "does not owe");
  await window.send(recordOf(1n), "record");
  assertThrows(() => window.finish(), ConveyorError, "no result for 1 records");
  window.settle(id);
  window.finish();
});
