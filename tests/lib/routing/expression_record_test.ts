import { assertEquals, assertThrows } from "@std/assert";
import { jsonPayloadBytesMax } from "../../../lib/limits.ts";
import type { ExpressionRecord } from "../../../lib/routing/expression_record.ts";
import { RecordReader } from "../../../lib/routing/record_reader.ts";
import { viewOf } from "../../fixtures/pipelines.ts";
import type { Fields } from "../../fixtures/record_messages.ts";

function recordOf(fields: Fields): ExpressionRecord {
  const reader = new RecordReader([]);
  reader.open(viewOf([{}, fields]));
  reader.seek(1);
  return reader.expressionRecord;
}

function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

Deno.test("ExpressionRecord gives every field of the record", () => {
  const record = recordOf({
    id: {
      sourceId: "s",
      partition: 4_294_967_295,
      sequenceNumber: 2n ** 64n - 1n,
    },
    recordType: "order",
    key: bytes("k"),
    payload: bytes('{"a":1}'),
    metadata: { region: "eu" },
    eventTime: { seconds: 5, nanos: 6_000_000 },
  });
  assertEquals(record.type, "order");
  assertEquals([...record.key], [107]);
  assertEquals([...record.metadata], [["region", "eu"]]);
  assertEquals(record.event_time?.valueOf(), 5_006);
  assertEquals(record.source_id, "s");
  assertEquals(record.partition.value, 4_294_967_295n);
  assertEquals(record.sequence.value, 2n ** 64n - 1n);
  assertEquals(record.payload, new Map([["a", 1]]));
});

Deno.test("ExpressionRecord has no event time and no payload where the record has none", () => {
  const record = recordOf({ payload: bytes("hello") });
  assertEquals(record.event_time, undefined);
  assertEquals(record.payload, undefined);
});

Deno.test("ExpressionRecord refuses a payload too large to be read as JSON", () => {
  const text = `"${"x".repeat(jsonPayloadBytesMax - 2)}"`;
  assertEquals(recordOf({ payload: bytes(text) }).payload, text.slice(1, -1));
  const record = recordOf({ payload: bytes(`${text} `) });
  assertThrows(() => record.payload, Error, "more than 1048576 bytes");
});

Deno.test("ExpressionRecord refuses more values than the expression may see", () => {
  const record = recordOf({
    payload: bytes("[1,2,3]"),
    metadata: { a: "1", b: "2" },
  });
  record.valuesMax = 4;
  assertEquals(record.payload, [1, 2, 3]);
  record.valuesMax = 3;
  assertThrows(() => record.payload, Error, "payload has more than 3 values");
  record.valuesMax = 1;
  assertThrows(
    () => record.metadata.size,
    Error,
    "metadata has more than 1 values",
  );
});

Deno.test("ExpressionRecord.forget() drops what was read", () => {
  const reader = new RecordReader([]);
  const encoded = { payload: bytes("[1]"), metadata: { a: "1" } };
  reader.open(viewOf([encoded]));
  reader.seek(0);
  const { expressionRecord } = reader;
  const first = expressionRecord.payload;
  assertEquals(expressionRecord.payload === first, true);
  assertEquals(expressionRecord.metadata.get("a"), "1");
  expressionRecord.forget();
  assertEquals(expressionRecord.payload === first, false);
  reader.open(viewOf([{ metadata: { a: "2" } }]));
  assertEquals(expressionRecord.metadata.get("a"), "2");
});
