/**
 * Goal: what a sink has taken and not made durable is not settled: it is written again when the sink dies
 * before its flush is over, and only then.
 * Method: a router in this process, a sink in a process of its own that holds records in memory until it
 * is flushed; it is killed in the middle of that.
 */
import { assert, assertEquals } from "@std/assert";
import { freePort } from "../fixtures/free_ports.ts";
import { Killable } from "../fixtures/killable.ts";
import { statuses } from "../fixtures/raw_push.ts";
import { line, numbers, RouterSetup } from "../fixtures/router_setup.ts";
import { until } from "../fixtures/until.ts";

/** A router, and a sink "store" that takes so long to flush. */
async function begin(flushMs: number) {
  const setup = await RouterSetup.start();
  const [stored, written] = ["stored", "written"].map((name) =>
    `${setup.dataDir}/${name}.txt`
  ) as [string, string];
  const sink = setup.own(
    new Killable(
      new URL("../fixtures/pending_sink.ts", import.meta.url),
      ...[setup.url, "store", `127.0.0.1:${freePort()}`],
      ...[stored, `${flushMs}`, written],
    ),
  );
  await sink.start();
  await (await setup.admin()).createPipeline({
    ...line("store"),
    stages: line("store").stages.map((stage) => ({
      ...stage,
      retry: { maxBackoff: { nanos: 200_000_000 } },
    })),
  });
  return { setup, sink, stored, written };
}

/** The lines of a file, none where there is no file. */
async function linesOf(file: string): Promise<readonly string[]> {
  const text = await Deno.readTextFile(file).catch(() => "");
  return text.split("\n").slice(0, -1);
}

Deno.test("a sink that has records pending is written each of them once", async () => {
  const { setup, stored, written } = await begin(0);
  await using _ = setup;
  const source = await setup.source();
  assertEquals(statuses(await source.push(numbers(1_200))), {
    Accepted: 1_200,
  });
  assertEquals((await linesOf(written)).length, 1_200);
  assertEquals((await linesOf(stored)).length, 1_200);
});

Deno.test("records are acked once they are flushed, though the sink is killed in the middle of that", async () => {
  const { setup, sink, stored, written } = await begin(200);
  await using _ = setup;
  const source = await setup.source();
  const acked = new Set<string>();
  const pushes = Array.from({ length: 20 }, async (_, at) => {
    const outcomes = await source.push(numbers(100, 100 * at + 1));
    assertEquals(statuses(outcomes), { Accepted: 100 });
    const durable = new Set(await linesOf(stored));
    for (const { id } of outcomes) {
      assert(durable.has(`${id.sequenceNumber}`), `${id.sequenceNumber} lost`);
      acked.add(`${id.sequenceNumber}`);
    }
  });
  for (let kill = 0; kill < 3; kill++) {
    const before = (await linesOf(written)).length;
    await until(async () => (await linesOf(written)).length > before);
    await sink.kill();
    assert(acked.size < 2_000, "the sink was killed after the end");
    await sink.start();
  }
  await Promise.all(pushes);
  assertEquals(acked.size, 2_000);
});
