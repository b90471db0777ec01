import { assertEquals, assertThrows } from "@std/assert";
import { ConveyorError } from "../../../lib/errors.ts";
import { resolveFlowOptions } from "../../../lib/flow/flow_options.ts";

Deno.test("resolveFlowOptions() holds the default of one source within the bound of all", () => {
  const { bounds } = resolveFlowOptions({
    bufferRecordsMax: 10,
    bufferBytesMax: 1_000,
  });
  assertEquals(bounds, {
    recordsMax: 10,
    bytesMax: 1_000,
    sourceRecordsMax: 10,
    sourceBytesMax: 1_000,
  });
});

Deno.test("resolveFlowOptions() refuses a source that may hold more than all, naming both", () => {
  assertEquals(
    assertThrows(
      () => resolveFlowOptions({ sourceRecordsMax: 10, bufferRecordsMax: 1 }),
      ConveyorError,
    ).message,
    'Cannot accept "sourceRecordsMax": must be at most "bufferRecordsMax", which is 1, found 10',
  );
  assertEquals(
    assertThrows(
      () => resolveFlowOptions({ sourceBytesMax: 2 ** 40 }),
      ConveyorError,
    ).message,
    'Cannot accept "sourceBytesMax": must be at most "bufferBytesMax", which is 536870912, found 1099511627776',
  );
  resolveFlowOptions({ sourceRecordsMax: 10, bufferRecordsMax: 10 });
});
