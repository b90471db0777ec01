import { assertEquals, assertRejects } from "@std/assert";
import { EventLog } from "../../../lib/consensus/event_log.ts";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { watchEventsMax } from "../../../lib/limits.ts";

Deno.test("EventLog.watch() tells what came after the index, then what comes", async () => {
  const log = new EventLog<string>(0);
  const end = new AbortController();
  log.append(1, ["a"]);
  log.append(2, ["b", "c"]);
  const seen: string[] = [];
  const watching = (async () => {
    for await (const { index, event } of log.watch(1, end.signal)) {
      seen.push(`${index}${event}`);
      if (seen.length === 2) log.append(5, ["d"]);
      if (seen.length === 3) end.abort();
    }
  })();
  await watching;
  assertEquals(seen, ["2b", "2c", "5d"]);
});

Deno.test("EventLog.watch() refuses an index whose later events are dropped", async () => {
  const log = new EventLog<number>(10);
  const { signal } = new AbortController();
  const error = await assertRejects(
    () => log.watch(9, signal).next(),
    ConveyorError,
  );
  assertEquals(error.code, Code.Aborted);
});

Deno.test("EventLog.watch() cuts a watcher off that falls behind, and no other", async () => {
  const log = new EventLog<number>(0);
  const { signal } = new AbortController();
  const slow = log.watch(0, signal);
  const first = slow.next();
  log.append(1, [1]);
  assertEquals((await first).value?.event, 1);
  for (let index = 2; index <= 2 * watchEventsMax + 2; index++) {
    log.append(index, [index]);
  }
  const error = await assertRejects(() => slow.next(), ConveyorError);
  assertEquals(error.code, Code.Aborted);
  const quick = log.watch(2 * watchEventsMax + 1, signal);
  assertEquals((await quick.next()).value?.event, 2 * watchEventsMax + 2);
});

Deno.test("EventLog.restart() makes every watcher start again", async () => {
  const log = new EventLog<number>(0);
  const { signal } = new AbortController();
  log.append(1, [1]);
  const watching = log.watch(0, signal).next();
  assertEquals((await watching).value?.event, 1);
  const next = log.watch(1, signal).next();
  log.restart(50);
  const error = await assertRejects(() => next, ConveyorError);
  assertEquals(error.code, Code.Aborted);
  const after = log.watch(50, signal).next();
  log.append(51, [51]);
  assertEquals((await after).value, { index: 51, event: 51 });
});

Deno.test("EventLog.close() ends every watch with its reason", async () => {
  const log = new EventLog<number>(0);
  const { signal } = new AbortController();
  const watching = log.watch(0, signal).next();
  log.close(new Error("closing"));
  await assertRejects(() => watching, Error, "closing");
});

Deno.test("EventLog.watch() skips what is not wanted, and is never behind for it", async () => {
  const log = new EventLog<number>(0);
  const { signal } = new AbortController();
  const even = (event: number): boolean => event % 2 === 0;
  const watching = log.watch(0, signal, even);
  log.append(1, [1, 2, 3]);
  assertEquals((await watching.next()).value, { index: 1, event: 2 });
  const next = watching.next();
  for (let index = 2; index < 5 * watchEventsMax; index++) {
    log.append(index, [2 * index + 1]);
  }
  log.append(5 * watchEventsMax, [7, 8]);
  const event = { index: 5 * watchEventsMax, event: 8 };
  assertEquals((await next).value, event);
});

Deno.test("EventLog.watch() ends when its signal aborts while it waits", async () => {
  const log = new EventLog<number>(0);
  const end = new AbortController();
  const next = log.watch(0, end.signal).next();
  end.abort();
  assertEquals((await next).done, true);
});
