import { assert, assertEquals } from "@std/assert";
import { idempotencyKeyField } from "../../../lib/delivery/idempotency_key.ts";
import { childLineage, sourceLineage } from "../../../lib/delivery/lineage.ts";
import type { RecordView } from "../../../proto/record_view.ts";
import { recordMessage } from "../../fixtures/record_messages.ts";
import { viewOf } from "../../fixtures/loads.ts";

/** The key that a record has with the field behind it. */
function keyOf(view: RecordView, i: number, lineage: number): string {
  const field = idempotencyKeyField(view, i, lineage);
  const record = view.bytes.subarray(view.starts[i], view.ends[i]);
  const bytes = new Uint8Array([...record, ...field]);
  const { id } = recordMessage.decode(bytes) as {
    id: { idempotencyKey: Uint8Array; sequenceNumber: unknown };
  };
  return id.idempotencyKey.toHex();
}

const ids = [
  { sourceId: "a", partition: 1, sequenceNumber: 1 },
  { sourceId: "a", partition: 1, sequenceNumber: 2n ** 32n + 1n },
  { sourceId: "a", partition: 2, sequenceNumber: 1 },
  { sourceId: "ключ", partition: 1, sequenceNumber: 1 },
  {
    sourceId: "x".repeat(300),
    partition: 2 ** 32 - 1,
    sequenceNumber: 2n ** 64n - 1n,
  },
];

Deno.test("idempotencyKeyField() adds a key to the record's id, the same each time", () => {
  const view = viewOf(ids.map((id) => ({ id })));
  for (let i = 0; i < ids.length; i++) {
    assertEquals(keyOf(view, i, 5), keyOf(view, i, 5));
    const field = idempotencyKeyField(view, i, 5);
    const merged = recordMessage.decode(
      new Uint8Array([
        ...view.bytes.subarray(view.starts[i], view.ends[i]),
        ...field,
      ]),
    ) as { id: { sourceId: string; partition: number } };
    assertEquals(merged.id.sourceId, ids[i]!.sourceId);
    assertEquals(merged.id.partition, ids[i]!.partition);
  }
});

Deno.test("idempotencyKeyField() tells records apart by each part of their identity, and by lineage", () => {
  const view = viewOf(ids.map((id) => ({ id })));
  const keys = new Set<string>();
  for (let i = 0; i < ids.length; i++) {
    for (const lineage of [0, 1, 2 ** 32, 2 ** 53 - 1]) {
      keys.add(keyOf(view, i, lineage));
    }
  }
  assertEquals(keys.size, ids.length * 4);
});

Deno.test("idempotencyKeyField() leaves a key that a record came with, and tells those apart that share one", () => {
  const idempotencyKey = Uint8Array.of(1, 2, 3);
  const view = viewOf([{ id: { ...ids[0]!, idempotencyKey } }]);
  const alone = childLineage(sourceLineage, 1, 0);
  assertEquals(keyOf(view, 0, sourceLineage), "010203");
  assertEquals(keyOf(view, 0, alone), "010203");
  const keys = [0, 1, 2].map((place) =>
    keyOf(view, 0, childLineage(alone, 7, place, true))
  );
  assertEquals(new Set(keys).size, 3);
  for (const key of keys) assert(key.startsWith("0102032f"), key);
});
