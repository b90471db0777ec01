import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { InvariantViolation } from "../../lib/invariant.ts";
import { seededRandom } from "../../lib/random.ts";
import { RecordView } from "../../proto/record_view.ts";
import { WireError, type WireErrorKind } from "../../proto/wire.ts";
import { WireWriter } from "../../proto/wire_writer.ts";
import { randomBatch, randomRecord } from "../fixtures/random_records.ts";
import {
  busyBatch,
  recordBatchMessage,
  recordMessage,
  timestampMessage,
} from "../fixtures/record_messages.ts";
import {
  batchFields,
  expectedBatch,
  expectedRecord,
  recordFields,
} from "../fixtures/view_fields.ts";
import { fuzzRecordViews } from "./record_view_fuzz.ts";

function viewOf(...bytes: number[]): RecordView {
  return new RecordView().reset(Uint8Array.from(bytes)).addBatch();
}

function assertRefused(
  read: () => unknown,
  kind: WireErrorKind,
  offset: number,
): void {
  const error = assertThrows(read);
  assertInstanceOf(error, WireError);
  assertEquals([error.kind, error.offset], [kind, offset]);
}

Deno.test("addBatch() reads what protobufjs reads", () => {
  const random = seededRandom(11);
  const view = new RecordView();
  for (let i = 0; i < 500; i++) {
    const bytes = recordBatchMessage.encode(randomBatch(random));
    assertEquals(
      batchFields(view.reset(bytes).addBatch()),
      expectedBatch(recordBatchMessage.decode(bytes)),
    );
  }
});

Deno.test("addRecord() reads what protobufjs reads", () => {
  const random = seededRandom(12);
  const view = new RecordView();
  for (let i = 0; i < 500; i++) {
    const bytes = recordMessage.encode(randomRecord(random));
    assertEquals(
      recordFields(view.reset(bytes).addRecord(), 0),
      expectedRecord(recordMessage.decode(bytes)),
    );
  }
});

Deno.test("addBatch() gives ranges that are the records' own bytes", () => {
  const random = seededRandom(13);
  const records = Array.from({ length: 20 }, () => randomRecord(random));
  const bytes = recordBatchMessage.encode({ records });
  const view = new RecordView().reset(bytes).addBatch();
  assertEquals(view.count, 20);
  records.forEach((record, i) =>
    assertEquals(
      bytes.slice(view.starts[i], view.ends[i]),
      recordMessage.encode(record),
    )
  );
});

Deno.test("addBatch() gives equal source ids and types the same string", () => {
  const bytes = recordBatchMessage.encode(busyBatch(300));
  const view = new RecordView().reset(bytes).addBatch();
  assertEquals(view.count, 300);
  for (let i = 1; i < 300; i++) {
    assertStrictEquals(view.ids.sourceIds[i], "orders-eu-west-1");
    assertStrictEquals(view.recordTypes[i], "order.created");
    assertEquals(view.ids.sequence(i), BigInt(1_000_000 + i));
  }
});

Deno.test("addBatch() keeps to its range, and merges ranges", () => {
  const first = recordBatchMessage.encode({
    batchId: "a",
    records: [{ recordType: "x" }],
    watermark: { sourceId: "s", position: 5 },
  });
  const second = recordBatchMessage.encode({
    batchId: "b",
    records: [{ recordType: "y" }, {}],
    watermark: { partition: 7 },
  });
  const bytes = new WireWriter().raw(Uint8Array.of(0xff)).raw(first)
    .raw(Uint8Array.of(0xff)).raw(second).raw(Uint8Array.of(0xff)).finish();
  const middle = 1 + first.length;
  const view = new RecordView().reset(bytes).addBatch(1, middle)
    .addBatch(middle + 1, bytes.length - 1);
  const merged = new WireWriter().raw(first).raw(second).finish();
  assertEquals(
    batchFields(view),
    expectedBatch(recordBatchMessage.decode(merged)),
  );
  assertEquals(view.batchId, "b");
  assertEquals(view.recordTypes.slice(0, view.count), ["x", "y", ""]);
});

Deno.test("addBatch() reads a batch in a view of a larger buffer", () => {
  const whole = new WireWriter().raw(new Uint8Array(13).fill(0xff))
    .raw(recordBatchMessage.encode(busyBatch(3))).finish();
  const bytes = whole.subarray(13);
  assertEquals(
    batchFields(new RecordView().reset(bytes).addBatch()),
    expectedBatch(recordBatchMessage.decode(bytes)),
  );
});

Deno.test("RecordView merges ids and event times that come twice", () => {
  const bytes = new WireWriter()
    .raw(recordMessage.encode({
      id: { sourceId: "a", sequenceNumber: 5, idempotencyKey: [1] },
      eventTime: { seconds: 9 },
      key: [1],
      payload: [2],
    }))
    .raw(recordMessage.encode({
      id: { partition: 3 },
      eventTime: { nanos: 4 },
      key: [3],
    })).finish();
  const view = new RecordView().reset(bytes).addRecord();
  assertEquals(
    recordFields(view, 0),
    expectedRecord(recordMessage.decode(bytes)),
  );
  assertEquals(view.ids.partitions[0], 3);
  assertEquals([...view.idempotencyKey(0)], [1]);
  assertEquals([...view.key(0)], [3]);
  assertEquals(
    timestampMessage.decode(view.eventTime(0)!),
    { seconds: 9n, nanos: 4 },
  );
});

Deno.test("RecordView has an empty id and no event time where there is none", () => {
  const view = viewOf(0x12, 0, 0x12, 2, 0x22, 0);
  assertEquals(view.count, 2);
  for (let i = 0; i < 2; i++) {
    assertEquals(view.ids.sourceIds[i], "");
    assertEquals(view.ids.sequence(i), 0n);
    assertEquals(view.key(i).length, 0);
    assertEquals(view.payload(i).length, 0);
    assertEquals(view.eventTime(i), undefined);
    assertEquals(view.metadata(i).size, 0);
    assertEquals(view.metadataValue(i, "region"), undefined);
  }
  assertEquals(view.watermark(), undefined);
});

Deno.test("metadataValue() gives the value under the key", () => {
  const bytes = recordBatchMessage.encode(busyBatch(2));
  const view = new RecordView().reset(bytes).addBatch();
  assertEquals(view.metadataValue(1, "region"), "eu-west-1");
  assertEquals(view.metadataValue(0, "content-type"), "application/json");
  assertEquals(view.metadataValue(0, "content"), undefined);
});

Deno.test("RecordView passes over unknown fields of every wire type", () => {
  const record = new WireWriter().uint32(0x42).string("x").uint32(0x48)
    .uint64(2n ** 64n - 1n).uint32(0x55).fixed32(1).uint32(0x59).fixed64(1n)
    .uint32(800 << 3 | 2).string("far").uint32(0x12).string("kept").finish();
  const bytes = new WireWriter().uint32(0x12).bytes(record).uint32(0x20)
    .uint32(1).finish();
  const view = new RecordView().reset(bytes).addBatch();
  assertEquals(view.recordTypes[0], "kept");
  assertEquals(bytes.slice(view.starts[0], view.ends[0]), record);
});

Deno.test("addBatch() refuses malformed bytes with kind and offset", () => {
  const record = (...fields: number[]) => () =>
    viewOf(0x12, fields.length, ...fields);
  assertRefused(() => viewOf(0x12), "truncated_varint", 1);
  assertRefused(() => viewOf(0x12, 0x80), "truncated_varint", 1);
  assertRefused(() => viewOf(0x12, 3, 0, 0), "length_past_end", 1);
  assertRefused(
    () => viewOf(0x12, 0xff, 0xff, 0xff, 0xff, 0x0f),
    "length_over_2_gib",
    1,
  );
  assertRefused(() => viewOf(0x10, 1), "wrong_wire_type", 0);
  assertRefused(() => viewOf(0x23, 0x24), "group", 1);
  assertRefused(() => viewOf(0x02, 0), "bad_field_number", 0);
  assertRefused(() => viewOf(0x0a, 1, 0xff), "invalid_utf8", 2);
  assertRefused(record(0x0a, 5, 0x0a, 1, 65), "length_past_end", 3);
  assertRefused(record(0x0a, 2, 0x18, 0x80), "truncated_varint", 5);
  assertRefused(record(0x0a, 2, 0x12, 0), "wrong_wire_type", 4);
  assertRefused(record(0x12, 1, 0xff), "invalid_utf8", 4);
  assertRefused(record(0x2a, 2, 0x08, 1), "wrong_wire_type", 4);
  assertRefused(record(0x32, 2, 0x08, 0x80), "truncated_varint", 5);
  assertRefused(record(0x46), "bad_wire_type", 3);
  assertRefused(
    record(0x40, ...Array(10).fill(0xff), 1),
    "varint_too_long",
    3,
  );
});

Deno.test("addBatch() refuses every prefix that cuts a field", () => {
  const bytes = recordBatchMessage.encode(busyBatch(2));
  const view = new RecordView();
  const accepted: number[] = [];
  for (let length = 0; length <= bytes.length; length++) {
    // A copy, so that a read past the prefix would be one past the buffer.
    try {
      view.reset(bytes.slice(0, length)).addBatch();
      accepted.push(length);
    } catch (error) {
      assertInstanceOf(error, WireError);
    }
  }
  const whole = new RecordView().reset(bytes).addBatch();
  assertEquals(accepted, [0, 18, whole.ends[0], whole.ends[1]]);
});

Deno.test("RecordView can be used again after a refusal", () => {
  const view = new RecordView();
  assertThrows(() => view.reset(Uint8Array.of(0x12, 0, 0x12, 9)).addBatch());
  const bytes = recordBatchMessage.encode(busyBatch(1));
  assertEquals(
    batchFields(view.reset(bytes).addBatch()),
    expectedBatch(recordBatchMessage.decode(bytes)),
  );
});

Deno.test("RecordView stops at ranges and records that are not there", () => {
  const view = viewOf(0x12, 0);
  assertThrows(() => view.payload(1), InvariantViolation);
  assertThrows(() => view.addRecord(0, 3), InvariantViolation);
  assertThrows(() => view.addBatch(2, 1), InvariantViolation);
});

Deno.test("fuzzRecordViews() finds nothing in 50,000 mutated inputs", () => {
  const { accepted, refused } = fuzzRecordViews({ inputs: 50_000, seed: 2 });
  assert(accepted > 5_000, `only ${accepted} inputs were read`);
  assert(Object.keys(refused).length >= 9, "few kinds of refusal were met");
});
