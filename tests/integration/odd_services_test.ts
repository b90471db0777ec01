/**
 * Goal: services that answer what nobody asked, or stop reading, cost no record and hold up nobody else;
 * a source that repeats itself has nothing written twice.
 * Method: a router in this process, connectors over loopback, a transform written by hand, a sink in a
 * process that is frozen.
 */
import { assert, assertEquals } from "@std/assert";
import {
  DeadLetterClient,
  type Record,
  type TransformResult,
} from "@conveyor/grpc";
import type { MessageInit } from "../../proto/codec.ts";
import { freePort } from "../fixtures/free_ports.ts";
import { Killable } from "../fixtures/killable.ts";
import { pushRaw, statuses } from "../fixtures/raw_push.ts";
import {
  line,
  numberOf,
  numbers,
  RouterSetup,
} from "../fixtures/router_setup.ts";
import {
  identityHandlers,
  startTransform,
  unchanged,
} from "../fixtures/transform_server.ts";
import { until } from "../fixtures/until.ts";

type Result = MessageInit<TransformResult>;

const stranger = { sourceId: "nobody", partition: 7, sequenceNumber: 99n };

/** What may be wrong with the results of a batch. */
const distortions: {
  readonly [name: string]: (results: Result[]) => Result[];
} = {
  "too few results": (results) => results.slice(0, -3),
  "no result": () => [],
  "each result twice": (results) => results.flatMap((each) => [each, each]),
  "results for records that it was not sent": (results) => [
    ...results.map((each) => ({ ...each, originalId: stranger })),
  ],
  "results without an id": (results) =>
    results.map(({ outputRecords, status }) => ({ outputRecords, status })),
};

Deno.test("a transform that answers too few, too many or unknown ids is asked again: each record reaches the sink once", async () => {
  const names = Object.keys(distortions);
  const odd = new Set(names);
  await using server = await startTransform({
    ...identityHandlers(),
    processBatch: ({ inputBatch }) => {
      const [name] = odd;
      if (name !== undefined) odd.delete(name);
      const results = inputBatch!.records.map(unchanged);
      return { results: name ? distortions[name]!(results) : results };
    },
  });
  await using setup = await RouterSetup.start();
  const records: Record[] = [];
  await setup.sink("store", (record) => void records.push(record));
  await setup.registerTransform("odd", server.url);
  await (await setup.admin()).createPipeline(line("odd", "store"));
  const source = await setup.source();
  // One batch for each oddity, and for what is left of it.
  for (let at = 0; at < names.length; at++) {
    const pushed = await source.push(numbers(20, 20 * at + 1));
    assertEquals(statuses(pushed), { Accepted: 20 });
  }
  assertEquals(odd.size, 0);
  assertEquals(
    records.map(numberOf),
    Array.from({ length: 20 * names.length }, (_, at) => at + 1),
  );
  const letters = setup.own(await DeadLetterClient.connect(setup.url));
  assertEquals((await letters.stats()).count, 0n);
});

Deno.test("a record that a transform never answers is a dead letter, the rest of its batch passes", async () => {
  await using server = await startTransform({
    ...identityHandlers(),
    processBatch: ({ inputBatch }) => ({
      results: inputBatch!.records.filter((record) => numberOf(record) !== 13)
        .map(unchanged),
    }),
  });
  await using setup = await RouterSetup.start();
  const seen: number[] = [];
  await setup.sink("store", (record) => void seen.push(numberOf(record)));
  await setup.registerTransform("silent", server.url);
  await (await setup.admin()).createPipeline(line("silent", "store"));
  const source = await setup.source();
  assertEquals(statuses(await source.push(numbers(50))), { Accepted: 50 });
  assertEquals(new Set(seen).size, 49);
  const letters = setup.own(await DeadLetterClient.connect(setup.url));
  const kept = await Array.fromAsync(letters.list());
  assertEquals(
    kept.map(({ record, errorCode }) => [numberOf(record!), errorCode]),
    [[13, "DATA_LOSS"]],
  );
});

Deno.test("a sink that stops reading holds up its own source, within the bounds, and no other pipeline", async () => {
  const sourceBytesMax = 4 * 1024 * 1024;
  await using setup = await RouterSetup.start({ flow: { sourceBytesMax } });
  const stored = `${setup.dataDir}/stored.txt`;
  await using sink = new Killable(
    new URL("../fixtures/file_sink.ts", import.meta.url),
    ...[setup.url, "frozen", `127.0.0.1:${freePort()}`, stored],
  );
  await sink.start();
  let others = 0;
  await setup.sink("store", () => void others++);
  const admin = await setup.admin();
  await admin.createPipeline(line("frozen"));
  await admin.createPipeline({
    ...line("store"),
    id: "other",
    stages: line("store").stages.map((stage) =>
      stage.id === "numbers"
        ? { ...stage, serviceSelector: { serviceName: "letters" } }
        : stage
    ),
  });
  const source = await setup.source();
  assertEquals(statuses(await source.push(numbers(1))), { Accepted: 1 });
  sink.freeze();
  const padding = { padding: "x".repeat(1_000) };
  const pushed = source.push(
    numbers(20_000, 2).map((record) => ({ ...record, metadata: padding })),
  );
  let bytes = 0;
  const read = async (): Promise<number> =>
    (await admin.metrics()).conveyor_bytes_under_way!;
  await until(async () => {
    const before = bytes;
    bytes = await read();
    return bytes > sourceBytesMax / 2 && bytes === before;
  });
  const other = await setup.source("letters");
  for (let round = 0; round < 10; round++) {
    const outcomes = await other.push(numbers(500, 500 * round + 1));
    assertEquals(statuses(outcomes), { Accepted: 500 });
  }
  assertEquals(others, 5_000);
  bytes = await read();
  assert(bytes < 1.5 * sourceBytesMax, `${bytes} bytes under way`);
  sink.thaw();
  assertEquals(statuses(await pushed), { Accepted: 20_000 });
  const lines = (await Deno.readTextFile(stored)).trimEnd().split("\n");
  assertEquals(lines.length, 20_001);
  assertEquals(new Set(lines).size, 20_001);
  await sink.kill("SIGTERM");
});

Deno.test("records that come again while they are under way are written once, and acked to everybody", async () => {
  await using setup = await RouterSetup.start();
  const seen: number[] = [];
  const { promise: opened, resolve: open } = Promise.withResolvers<void>();
  await setup.sink("store", {
    writeBatch: async (records) => {
      await opened;
      seen.push(...records.map(numberOf));
    },
  });
  const admin = await setup.admin();
  await admin.createPipeline(line("store"));
  const records = numbers(300).map(({ id, payload }) => ({
    id: { ...id, sourceId: "numbers" },
    payload,
  }));
  const pushes = [1, 2, 3].map(() =>
    pushRaw(setup.url, [{ batch: { records } }])
  );
  await until(async () =>
    (await admin.metrics()).conveyor_records_joined_total === 600
  );
  assertEquals(seen, []);
  open();
  for (const acks of await Promise.all(pushes)) {
    assertEquals(statuses(acks), { Accepted: 300 });
  }
  assertEquals(seen.length, 300);
  const late = await pushRaw(setup.url, [{ batch: { records } }]);
  assertEquals(statuses(late), { Duplicate: 300 });
  assertEquals(seen.length, 300);
});
