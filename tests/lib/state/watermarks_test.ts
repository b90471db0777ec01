import { assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import type { Watermark } from "../../../proto/messages/common.ts";
import { Machine } from "../../fixtures/machine.ts";

function at(seconds: bigint, nanos = 0) {
  return { timestamp: { seconds, nanos } };
}

function raise(
  machine: Machine,
  ...watermarks: readonly MessageInit<Watermark>[]
) {
  return machine.run({
    raiseWatermarks: {
      watermarks: watermarks.map((each) => ({ sourceId: "a", ...each })),
    },
  });
}

Deno.test("Watermarks only rise; a lower one is named and changes nothing", () => {
  const machine = new Machine();
  raise(machine, { position: 7n, ...at(100n, 5) });
  const { answer, events } = raise(
    machine,
    { position: 7n, ...at(100n, 4) },
    { position: 6n, ...at(99n, 999_999_999) },
    { position: 7n, ...at(100n, 5) },
    { partition: 1, ...at(1n) },
    { position: 3n, ...at(100n, 6) },
  );
  assertEquals(answer.watermarks, { lower: [0, 1] });
  assertEquals(events, [
    { kind: "watermarksRaised", sourceId: "a", partition: 1 },
    { kind: "watermarksRaised", sourceId: "a", partition: 0 },
  ]);
  assertEquals(machine.state.watermarks.get("a", 0), {
    sourceId: "a",
    partition: 0,
    // The position does not fall with a rising time.
    position: 7n,
    timestamp: { seconds: 100n, nanos: 6 },
    reportedAtMs: machine.atMs,
  });
  // Nor the time with a rising position.
  raise(machine, { position: 8n, ...at(1n) });
  const { position, timestamp } = machine.state.watermarks.get("a", 0)!;
  assertEquals([position, timestamp.seconds], [8n, 100n]);
  assertEquals(machine.state.watermarks.get("a", 2), undefined);
  assertEquals(machine.state.watermarks.get("b", 0), undefined);
  assertEquals(machine.state.watermarks.size, 2);
});

Deno.test("Watermarks are exact over all times and positions", () => {
  const machine = new Machine();
  const times = [-62_135_596_800n, -1n, 0n, 253_402_300_799n];
  times.forEach((seconds, partition) => {
    raise(machine, {
      partition,
      position: 2n ** 64n - 1n,
      ...at(seconds, 999_999_999),
    });
  });
  assertEquals(
    machine.state.watermarks.list("a").map(({ timestamp }) => timestamp),
    times.map((seconds) => ({ seconds, nanos: 999_999_999 })),
  );
  assertEquals(
    machine.state.watermarks.get("a", 3)?.position,
    2n ** 64n - 1n,
  );
});

Deno.test("Watermarks.global() is the lowest of the partitions that still report", () => {
  const machine = new Machine();
  const { state } = machine;
  const start = machine.atMs;
  assertEquals(state.watermarks.global(0), undefined);
  raise(machine, { partition: 0, ...at(50n) });
  raise(machine, { sourceId: "b", partition: 4, ...at(20n) });
  machine.atMs += 1_000;
  raise(machine, { partition: 1, ...at(80n) }, { partition: 2, ...at(80n) });
  const global = (since: number) => {
    const found = state.watermarks.global(since);
    return found && [found.sourceId, found.partition];
  };
  assertEquals(global(start), ["b", 4]);
  assertEquals(global(start + 1), ["a", 1]);
  assertEquals(global(start + 1_001), undefined);
  // The same once more: it is not raised, but its partition is active.
  machine.atMs += 1_000;
  assertEquals(raise(machine, { partition: 0, ...at(50n) }).events, []);
  assertEquals(global(start + 1), ["a", 0]);
  assertEquals(state.watermarks.all().length, 4);
});

Deno.test("Watermarks refuse times that are none", () => {
  const machine = new Machine();
  const bad: MessageInit<Watermark>[] = [
    {},
    at(-62_135_596_801n),
    at(253_402_300_800n),
    at(0n, -1),
    at(0n, 1_000_000_000),
  ];
  for (const each of bad) {
    const watermarks = [{ sourceId: "a", ...at(1n) }, {
      sourceId: "a",
      ...each,
    }];
    const refusal = machine.refused({ raiseWatermarks: { watermarks } });
    assertEquals(refusal.code, Code.InvalidArgument);
    assertEquals(refusal.field, "watermark.timestamp");
  }
  const watermarks = [{ sourceId: "", ...at(1n) }];
  assertEquals(
    machine.refused({ raiseWatermarks: { watermarks } }).field,
    "source_id",
  );
});
