import { assertEquals, assertThrows } from "@std/assert";
import { Code, ConveyorError } from "../../../lib/errors.ts";
import { batchIn } from "../../../lib/handlers/batch_in.ts";
import { codecOf } from "../../../proto/codec.ts";
import type { PushRequest } from "../../../proto/messages/source.ts";
import { schema } from "../../../proto/schema.ts";

const codec = codecOf<PushRequest>(
  schema.lookupType("conveyor.source.PushRequest"),
);
const batch = codec.encode({ batch: { batchId: "b" } });
const heartbeat = codec.encode({ heartbeat: {} });

function found(...parts: readonly Uint8Array[]) {
  return batchIn(
    Uint8Array.from(parts.flatMap((part) => [...part])),
    0x0a,
    0x12,
  );
}

Deno.test("batchIn() finds the part of a message that came last", () => {
  assertEquals(found(), undefined);
  assertEquals(found(heartbeat), undefined);
  assertEquals(found(batch), { start: 2, end: batch.length });
  assertEquals(found(batch, heartbeat), undefined);
  const { length } = heartbeat;
  const range = { start: length + 2, end: length + batch.length };
  assertEquals(found(heartbeat, batch), range);
});

Deno.test("batchIn() refuses what is malformed as InvalidArgument", () => {
  for (const bytes of [[0x0a], [0x0a, 5, 1], [0x07], [0x0a, 0xff]]) {
    const error = assertThrows(
      () => found(Uint8Array.from(bytes)),
      ConveyorError,
      "Cannot read a pushed message",
    );
    assertEquals(error.code, Code.InvalidArgument);
  }
});
