import { assert, assertEquals } from "@std/assert";
import { PulledIdentity } from "../../../lib/delivery/pulled_identity.ts";
import { RecordRewriter } from "../../../proto/record_rewriter.ts";
import { RecordView } from "../../../proto/record_view.ts";
import { viewOf } from "../../fixtures/loads.ts";
import { recordBatchMessage } from "../../fixtures/record_messages.ts";

const startMs = 1_790_000_000_123;

/** The records under these numbers, with what they are to who pulls them. */
function renamed(identity: PulledIdentity, numbers: readonly number[]) {
  const view = viewOf(numbers.map(() => ({
    id: {
      sourceId: "shop",
      partition: 7,
      sequenceNumber: 5n,
      idempotencyKey: new Uint8Array([1, 2]),
    },
    payload: new Uint8Array([9]),
  })));
  const rewriter = new RecordRewriter();
  numbers.forEach((number, i) => rewriter.add(view, i, identity.field(number)));
  return rewriter.batch();
}

Deno.test("PulledIdentity.field() gives rising sequence numbers and leaves the rest of the record", () => {
  const identity = new PulledIdentity("line/out", 2, startMs);
  const numbers = [0, 1, 127, 2 ** 28, 2 ** 32 - 1, 2 ** 32, 2 ** 45 + 1];
  const { records } = recordBatchMessage.decode(renamed(identity, numbers)) as {
    records: { id: Record<string, unknown>; payload: Uint8Array }[];
  };
  const base = BigInt(startMs) << 20n;
  assertEquals(
    records.map(({ id }) => BigInt(`${id["sequenceNumber"]}`)),
    numbers.map((number) => base + BigInt(number)),
  );
  for (const { id, payload } of records) {
    assertEquals([id["sourceId"], id["partition"]], ["line/out", 2]);
    assertEquals([...id["idempotencyKey"] as Uint8Array], [1, 2]);
    assertEquals([...payload], [9]);
  }
});

Deno.test("PulledIdentity.field() takes the place of a partition also by partition 0", () => {
  const identity = new PulledIdentity("line/out", 0, startMs);
  const view = new RecordView().reset(renamed(identity, [3])).addBatch();
  assertEquals(view.ids.partitions[0], 0);
});

Deno.test("PulledIdentity.numberOf() tells its own records from others", () => {
  const identity = new PulledIdentity("line/out", 2, startMs);
  const numbers = [0, 5, 2 ** 33 + 1];
  const { ids } = new RecordView().reset(renamed(identity, numbers)).addBatch();
  assertEquals(numbers.map((_, i) => identity.numberOf(ids, i)), numbers);
  for (
    const other of [
      new PulledIdentity("line/other", 2, startMs),
      new PulledIdentity("line/out", 3, startMs),
      new PulledIdentity("line/out", 2, startMs + 1),
    ]
  ) assertEquals(other.numberOf(ids, 0), undefined);
});

Deno.test("PulledIdentity numbers on from where a node that started earlier can have come", () => {
  const before = new PulledIdentity("line/out", 0, startMs);
  const after = new PulledIdentity("line/out", 0, startMs + 1_000);
  const last = 999 * 2 ** 20;
  const { ids } = new RecordView().reset(renamed(after, [0])).addBatch();
  assert(before.numberOf(ids, 0)! > last);
});
