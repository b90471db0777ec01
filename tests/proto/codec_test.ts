import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import { Code, ConveyorError } from "../../lib/errors.ts";
import {
  type Codec,
  codecOf,
  type MessageInit,
  unknownFields,
} from "../../proto/codec.ts";
import type {
  Record,
  RecordBatch,
  RecordId,
} from "../../proto/messages/common.ts";
import type { Timestamp } from "../../proto/messages/google.ts";
import type { Condition } from "../../proto/messages/router.ts";
import type {
  GetOffsetRequest,
  GetOffsetResponse,
} from "../../proto/messages/checkpoint.ts";
import { schema } from "../../proto/schema.ts";
import { WireError } from "../../proto/wire.ts";
import { WireWriter } from "../../proto/wire_writer.ts";

function of<T>(name: string): Codec<T> {
  return codecOf<T>(schema.lookupType(name));
}

const recordId = of<RecordId>("conveyor.common.RecordId");
const record = of<Record>("conveyor.common.Record");
const condition = of<Condition>("conveyor.router.Condition");
const offsets = of<GetOffsetResponse>("conveyor.checkpoint.GetOffsetResponse");

function refusal<T>(codec: Codec<T>, message: unknown): ConveyorError {
  return assertThrows(
    () => codec.encode(message as MessageInit<T>),
    ConveyorError,
  );
}

Deno.test("encode() keeps uint64 exact over its whole range", () => {
  for (
    const sequenceNumber of [0n, 1n, 2n ** 53n + 1n, 2n ** 63n, 2n ** 64n - 1n]
  ) {
    assertEquals(
      recordId.decode(recordId.encode({ sequenceNumber })).sequenceNumber,
      sequenceNumber,
    );
  }
});

Deno.test("encode() takes a safe integer for a uint64", () => {
  const bytes = recordId.encode({ sequenceNumber: 7 as unknown as bigint });
  assertEquals(recordId.decode(bytes).sequenceNumber, 7n);
});

Deno.test("encode() refuses by field, rule and value when a value breaks its rule", () => {
  const cases: [unknown, string, string][] = [
    [
      { sequenceNumber: 2n ** 64n },
      "sequenceNumber",
      "found 18446744073709551616",
    ],
    [{ sequenceNumber: -1n }, "sequenceNumber", "must be a bigint from 0"],
    [{ sequenceNumber: 2 ** 53 }, "sequenceNumber", "found 9007199254740992"],
    [
      { partition: 1n },
      "partition",
      "must be an integer from 0 to 4294967295, found 1",
    ],
    [{ partition: 0.5 }, "partition", "found 0.5"],
    [{ partition: NaN }, "partition", "found NaN"],
    [{ sourceId: 7 }, "sourceId", "must be a string, found 7"],
    [
      { idempotencyKey: "abc" },
      "idempotencyKey",
      'must be a Uint8Array, found "abc"',
    ],
  ];
  for (const [message, field, rule] of cases) {
    const error = refusal(recordId, message);
    assertEquals(error.code, Code.InvalidArgument);
    assertEquals(error.details[0]?.field, field);
    assert(error.message.includes(rule), error.message);
  }
});

Deno.test("encode() names the path when the value is deep inside", () => {
  const batch = of<RecordBatch>("conveyor.common.RecordBatch");
  const error = refusal(batch, { records: [{}, { metadata: { city: 3 } }] });
  assertEquals(error.details[0]?.field, "records[1].metadata[city]");
  assertEquals(refusal(batch, { records: {} }).details[0]?.field, "records");
  assertEquals(
    refusal(batch, { records: [null] }).details[0]?.field,
    "records[0]",
  );
});

Deno.test("encode() refuses two fields of one oneof", () => {
  const error = refusal(condition, { always: "", recordType: "x" });
  assert(
    error.message.includes("at most one of them may be set"),
    error.message,
  );
});

Deno.test("decode() tells a oneof's default from one that is not set", () => {
  assertEquals(condition.decode(condition.encode({ always: "" })), {
    always: "",
  });
  assertEquals(condition.decode(condition.encode({})), {});
});

Deno.test("decode() keeps the last field of a oneof", () => {
  const both = new WireWriter().raw(condition.encode({ always: "a" }))
    .raw(condition.encode({ recordType: "b" })).finish();
  assertEquals(condition.decode(both), { recordType: "b" });
});

Deno.test("decode() tells an optional 0 from one that is not set", () => {
  const request = of<GetOffsetRequest>("conveyor.checkpoint.GetOffsetRequest");
  assertEquals(request.decode(request.encode({ partition: 0 })).partition, 0);
  assertEquals(request.decode(request.encode({})).partition, undefined);
});

Deno.test("decode() merges a message that comes twice", () => {
  const twice = new WireWriter()
    .raw(record.encode({ id: { sourceId: "a", partition: 1 } }))
    .raw(record.encode({ id: { partition: 2 } })).finish();
  const { id } = record.decode(twice);
  assertEquals([id?.sourceId, id?.partition], ["a", 2]);
});

Deno.test("decode() reads repeated numbers packed and one by one", () => {
  const join = of<{ partitionPreferences: number[] }>(
    "conveyor.registry.JoinGroupRequest",
  );
  const packed = join.encode({ partitionPreferences: [1, 300] });
  assertEquals(join.decode(packed).partitionPreferences, [1, 300]);
  const single = new Uint8Array([4 << 3, 1, 4 << 3, 0xac, 2]);
  assertEquals(join.decode(single).partitionPreferences, [1, 300]);
});

Deno.test("encode() sends on the fields that the schema does not know", () => {
  const known = recordId.encode({ sourceId: "a" });
  const newer = new WireWriter().raw(known).uint32(99 << 3 | 2).string("later")
    .finish();
  const decoded = recordId.decode(newer);
  assertEquals(recordId.encode(decoded), newer);
  // Spread as a transform would.
  assertEquals(recordId.encode({ ...decoded }), newer);
  assertFalse(unknownFields in recordId.decode(known));
});

Deno.test("decode() keeps nanoseconds of the whole range of a timestamp", () => {
  const codec = of<Timestamp>("google.protobuf.Timestamp");
  for (const seconds of [-62_135_596_800n, 0n, 253_402_300_799n]) {
    const time = { seconds, nanos: 999_999_999 };
    assertEquals(codec.decode(codec.encode(time)), time);
  }
});

Deno.test("decode() makes an entry of any map key", () => {
  const metadata = { ["__proto__"]: "a", constructor: "b", "": "" };
  const decoded = record.decode(record.encode({ metadata })).metadata;
  assertEquals(Object.entries(decoded), Object.entries(metadata));
});

Deno.test("encode() refuses a map key that is not of its type", () => {
  const error = refusal(offsets, { offsets: { "-1": 3n } });
  assertEquals(error.details[0]?.field, "offsets[-1]");
  assertEquals(
    offsets.decode(offsets.encode({ offsets: { 4294967295: 3n } })).offsets,
    {
      4294967295: 3n,
    },
  );
});

Deno.test("decode() fails with WireError, never otherwise, when bytes are cut anywhere", () => {
  const bytes = record.encode({
    id: { sourceId: "source", sequenceNumber: 2n ** 40n },
    metadata: { a: "b" },
    payload: new Uint8Array(10),
    eventTime: { seconds: 5n, nanos: 1 },
  });
  let failures = 0;
  for (let end = 0; end < bytes.length; end++) {
    try {
      record.decode(bytes.subarray(0, end));
    } catch (error) {
      assert(error instanceof WireError, String(error));
      failures++;
    }
  }
  assert(failures > bytes.length / 2);
});

Deno.test("decode() refuses messages nested too deep instead of overflowing", () => {
  let bytes: Uint8Array = new Uint8Array(0);
  for (let depth = 0; depth < 200; depth++) {
    bytes = new WireWriter().uint32(1 << 3 | 2).bytes(bytes).finish();
    bytes = new WireWriter().uint32(7 << 3 | 2).bytes(bytes).finish();
  }
  const error = assertThrows(() => condition.decode(bytes), WireError);
  assertEquals(error.kind, "nested_too_deep");
});

Deno.test("decode() refuses a known field of another wire type", () => {
  const error = assertThrows(
    () => recordId.decode(new Uint8Array([1 << 3, 5])),
    WireError,
  );
  assertEquals(error.kind, "wrong_wire_type");
});

Deno.test("encode() refuses what is an object but no message", () => {
  for (const eventTime of [new Date(), [], [{ seconds: 1n }]]) {
    const error = refusal(record, { eventTime });
    assertEquals(error.details[0]?.field, "eventTime");
    assert(error.message.includes("must be a message of type Timestamp"));
  }
});
