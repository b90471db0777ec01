import { assertEquals, assertLess } from "@std/assert";
import { seededRandom } from "../../lib/random.ts";
import { codecOf } from "../../proto/codec.ts";
import type { ReceiveRecordsRequest } from "../../proto/messages/sidecar.ts";
import { DeliveryGuarantee } from "../../proto/messages/sink.ts";
import { RecordJoin } from "../../proto/record_join.ts";
import { RecordView } from "../../proto/record_view.ts";
import { schema } from "../../proto/schema.ts";
import { TransformResultView } from "../../proto/transform_result_view.ts";
import { WireWriter } from "../../proto/wire_writer.ts";
import { below } from "../fixtures/mutations.ts";
import {
  randomBatch,
  randomProcessResponse,
} from "../fixtures/random_records.ts";
import {
  busyBatch,
  type Fields,
  processRequestMessage,
  processResponseMessage,
  recordBatchMessage,
  recordMessage,
  writeRequestMessage,
} from "../fixtures/record_messages.ts";

function viewOf(batch: Fields): RecordView {
  return new RecordView().reset(recordBatchMessage.encode(batch)).addBatch();
}

/** A batch of these serialized records, framed as protobufjs does it. */
function expectedBatch(batchId: string, records: Uint8Array[]): Uint8Array {
  const decoded = records.map((record) => recordMessage.decode(record));
  return recordBatchMessage.encode({ batchId, records: decoded });
}

function bytesOf(view: RecordView, i: number): Uint8Array {
  return view.bytes.slice(view.starts[i], view.ends[i]);
}

Deno.test("batch() gives a whole batch back byte for byte", () => {
  for (const count of [0, 1, 100]) {
    const view = viewOf(busyBatch(count));
    assertEquals(
      new RecordJoin().addAll(view).batch(view.batchId),
      view.bytes,
    );
  }
});

Deno.test("batch() joins records chosen from several views, in order", () => {
  const random = seededRandom(21);
  const join = new RecordJoin();
  for (let round = 0; round < 300; round++) {
    const views = Array.from({ length: 3 }, () => viewOf(randomBatch(random)));
    const chosen: Uint8Array[] = [];
    join.clear();
    for (let n = below(12, random); n > 0; n--) {
      const view = views[below(3, random)]!;
      if (view.count === 0) continue;
      const i = below(view.count, random);
      join.add(view, i);
      chosen.push(bytesOf(view, i));
    }
    const joined = join.batch("joined");
    assertEquals(join.count, chosen.length);
    assertEquals(joined.length, "joined".length + 2 + join.byteLength);
    const again = new RecordView().reset(joined).addBatch();
    assertEquals(chosen.map((_, i) => bytesOf(again, i)), chosen);
    assertEquals(again.count, chosen.length);
  }
});

Deno.test("batch() allocates no more than the message and a few bytes", () => {
  // The empty record comes last: its frame is all there is room for.
  const join = new RecordJoin().addAll(viewOf(busyBatch(100)))
    .addAll(viewOf({ records: [{}] }));
  const joined = join.batch("b");
  assertLess(joined.buffer.byteLength - joined.length, 16);
});

Deno.test("batch() does not take what lies between two ranges for a frame", () => {
  for (const size of [20, 200]) {
    const record = recordMessage.encode({ payload: new Uint8Array(size) });
    const { length } = record;
    const frame = new WireWriter().uint32(0x12).uint32(length).finish();
    for (let i = 0; i < frame.length; i++) {
      const between = frame.slice();
      between[i]! ^= 1;
      const view = new RecordView().reset(
        new WireWriter().raw(record).raw(between).raw(record).finish(),
      ).addRecord(0, length).addRecord(length + frame.length);
      assertEquals(
        new RecordJoin().addAll(view).batch("b"),
        expectedBatch("b", [record, record]),
      );
    }
  }
});

Deno.test("batch() frames anew what was framed in an unusual way", () => {
  const record = recordMessage.encode({ recordType: "x" });
  const longLength = [0x12, record.length | 0x80, 0x00];
  const longTag = [0x92, 0x00, record.length];
  const apart = [0x28, 0x12, 0x12, record.length];
  for (const frame of [longLength, longTag, apart]) {
    const writer = new WireWriter();
    for (let n = 0; n < 3; n++) writer.raw(Uint8Array.from(frame)).raw(record);
    const view = new RecordView().reset(writer.finish()).addBatch();
    assertEquals(
      new RecordJoin().addAll(view).batch("b"),
      expectedBatch("b", [record, record, record]),
    );
  }
});

Deno.test("batch() keeps fields that the schema does not know", () => {
  const record = new WireWriter().uint32(0x12).string("x").uint32(900 << 3 | 2)
    .string("unknown").finish();
  const view = new RecordView().reset(record).addRecord();
  const joined = new RecordJoin().add(view, 0).batch("");
  assertEquals(
    joined,
    new WireWriter().uint32(0x12).bytes(record).finish(),
  );
});

Deno.test("batch() joins the outputs of transforms", () => {
  const random = seededRandom(22);
  for (let round = 0; round < 100; round++) {
    const bytes = processResponseMessage.encode(randomProcessResponse(random));
    const { outputs } = new TransformResultView().reset(bytes).addResponse();
    const records = Array.from(
      { length: outputs.count },
      (_, i) => bytesOf(outputs, i),
    );
    assertEquals(
      new RecordJoin().addAll(outputs).batch("out"),
      expectedBatch("out", records),
    );
  }
});

Deno.test("clear() forgets the records", () => {
  const join = new RecordJoin().addAll(viewOf(busyBatch(5)));
  join.clear();
  assertEquals([join.count, join.byteLength], [0, 0]);
  assertEquals(join.batch("").length, 0);
});

Deno.test("processRequest() writes what protobufjs writes", () => {
  const config = { threshold: "0.5", "": "", ключ: "значение" };
  for (const count of [0, 1, 100]) {
    const batch = busyBatch(count);
    assertEquals(
      new RecordJoin().addAll(viewOf(batch))
        .processRequest("classify", "orders-eu-000017", config),
      processRequestMessage.encode({
        transformId: "classify",
        inputBatch: batch,
        transformConfig: config,
      }),
    );
  }
});

Deno.test("processRequest() leaves out what is empty", () => {
  assertEquals(
    new RecordJoin().processRequest("", ""),
    processRequestMessage.encode({ inputBatch: {} }),
  );
});

Deno.test("writeRequest() writes what protobufjs writes", () => {
  const all = {
    requireAck: true,
    timeoutMs: 2 ** 32 - 1,
    guarantee: DeliveryGuarantee.ExactlyOnce,
  };
  for (const options of [{}, { requireAck: false, timeoutMs: 0 }, all]) {
    const batch = busyBatch(3);
    assertEquals(
      new RecordJoin().addAll(viewOf(batch))
        .writeRequest("archive", "orders-eu-000017", options),
      writeRequestMessage.encode({
        sinkId: "archive",
        batch,
        // protobufjs writes a default that is set; both say the same.
        options: options === all ? all : {},
      }),
    );
  }
});

Deno.test("receiveRequest() makes what the codec reads, with lineages where there are any", () => {
  const codec = codecOf<ReceiveRecordsRequest>(
    schema.lookupType("conveyor.sidecar.ReceiveRecordsRequest"),
  );
  const view = viewOf(busyBatch(3));
  const to = { pipelineId: "orders", stageId: "enrich", sender: "pod-1" };
  const join = new RecordJoin().addAll(view);
  const plain = codec.decode(join.receiveRequest(to, "b", undefined));
  const { pipelineId, stageId, sourceSidecarId, batch } = plain;
  assertEquals(
    [pipelineId, stageId, sourceSidecarId, batch?.batchId],
    ["orders", "enrich", "pod-1", "b"],
  );
  assertEquals(batch?.records.length, 3);
  assertEquals(plain.lineages, []);
  const lineages = [0, 5, Number.MAX_SAFE_INTEGER];
  const request = join.receiveRequest(to, "b", Float64Array.from(lineages));
  assertEquals(codec.decode(request).lineages, lineages);
});
