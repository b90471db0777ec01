import { assertEquals } from "@std/assert";
import { setImmediate as turn } from "node:timers/promises";
import { SinkClient } from "../../../clients/sink_client.ts";
import { serveSink } from "../../../lib/connector/connector.ts";
import { SinkFlush } from "../../../lib/connector/sink_flush.ts";
import { recordOf } from "../../fixtures/transform_server.ts";

const noReport = (error: unknown): never => {
  throw error;
};

Deno.test("complete() flushes once the writes under way have ended, however they end", async () => {
  const events: string[] = [];
  const flushes = new SinkFlush(() => {
    events.push("flush");
    return Promise.resolve(7n);
  }, noReport);
  const good = Promise.withResolvers<void>();
  const bad = Promise.withResolvers<void>();
  const writes = [flushes.during(good.promise), flushes.during(bad.promise)];
  const flushed = flushes.complete();
  good.resolve();
  await turn();
  assertEquals(events, []);
  bad.reject(new Error("full"));
  assertEquals(await flushed, 7n);
  await Promise.allSettled(writes);
});

Deno.test("complete() does not wait for writes that begin after it", async () => {
  const flushes = new SinkFlush(() => Promise.resolve(0n), noReport);
  const later = Promise.withResolvers<void>();
  const flushed = flushes.complete();
  const write = flushes.during(later.promise);
  await flushed;
  later.resolve();
  await write;
});

Deno.test("begin() runs one flush, and one more after it however often it is called", async () => {
  const running: PromiseWithResolvers<bigint>[] = [];
  const reports: unknown[] = [];
  const flushes = new SinkFlush(() => {
    running.push(Promise.withResolvers<bigint>());
    return running.at(-1)!.promise;
  }, (error) => reports.push((error as Error).message));
  for (let i = 0; i < 5; i++) flushes.begin();
  await turn();
  assertEquals(running.length, 1);
  running[0]!.reject(new Error("disk"));
  await turn();
  assertEquals([running.length, reports], [2, ["disk"]]);
  running[1]!.resolve(0n);
  await turn();
  assertEquals(running.length, 2);
});

Deno.test("Flush with wait_for_completion answers once the write under way is durable", async () => {
  const events: string[] = [];
  const writing = Promise.withResolvers<void>();
  const release = Promise.withResolvers<void>();
  await using server = await serveSink({
    write: async () => {
      writing.resolve();
      await release.promise;
      events.push("written");
    },
    flush: () => Promise.resolve(BigInt(events.push("flushed"))),
  }, { address: "127.0.0.1:0" });
  await using client = await SinkClient.connect(
    `http://${server.address}`,
    "s",
  );
  const write = client.writeBatch({ records: [recordOf(1n)] });
  await writing.promise;
  const flushed = client.flush().then((answer) => {
    events.push("answered");
    return answer;
  });
  // Answered at once: it came behind the flush that waits.
  assertEquals(await client.flush(false), {
    success: true,
    flushedRecords: 0n,
  });
  assertEquals(events, ["flushed"]);
  release.resolve();
  assertEquals((await flushed).flushedRecords, 3n);
  assertEquals(events, ["flushed", "written", "flushed", "answered"]);
  await write;
});

Deno.test("Flush without wait_for_completion reports what fails to onError", async () => {
  const told = Promise.withResolvers<string>();
  await using server = await serveSink({
    write: () => {},
    flush: () => Promise.reject(new Error("disk")),
  }, {
    address: "127.0.0.1:0",
    onError: (where, error) =>
      told.resolve(`${where}: ${(error as Error).message}`),
  });
  await using client = await SinkClient.connect(
    `http://${server.address}`,
    "s",
  );
  assertEquals((await client.flush(false)).success, true);
  assertEquals(
    await told.promise,
    "/conveyor.sink.SinkService/Flush: disk",
  );
});
