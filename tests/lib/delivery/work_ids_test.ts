import { assert, assertEquals } from "@std/assert";
import { firstPositions, Work } from "../../../lib/delivery/work.ts";
import { WorkIds } from "../../../lib/delivery/work_ids.ts";
import { seededRandom } from "../../../lib/random.ts";
import { TransformStatus } from "../../../proto/messages/transform.ts";
import { TransformResultView } from "../../../proto/transform_result_view.ts";
import { WireError } from "../../../proto/wire.ts";
import { WriteResultView } from "../../../proto/write_result_view.ts";
import { loadOf } from "../../fixtures/loads.ts";
import { order } from "../../fixtures/flow_world.ts";
import {
  type Fields,
  processResponseMessage,
  recordMessage,
  writeResponseMessage,
} from "../../fixtures/record_messages.ts";

/** A work of these records in two loads, and their ids. */
function sentOf(records: readonly Fields[]): { work: Work; ids: WorkIds } {
  const work = new Work();
  const middle = Math.ceil(records.length / 2);
  for (const part of [records.slice(0, middle), records.slice(middle)]) {
    work.addLoad(loadOf(part));
    work.addRange("all", 0, part.length);
  }
  const ids = new WorkIds().reset(work, firstPositions(work.count));
  return { work, ids };
}

const records = [1, 2, 300, 2 ** 40, 5].map((sequence, i) =>
  order(sequence, { partition: i * 70, sourceId: i === 3 ? "other" : "orders" })
);

/** The bytes, and what comes of them when one byte or the end is changed. */
function* variants(bytes: Uint8Array): Generator<Uint8Array> {
  const random = seededRandom(5);
  yield bytes;
  for (let end = 0; end < bytes.length; end++) yield bytes.slice(0, end);
  for (let at = 0; at < bytes.length; at++) {
    const changed = bytes.slice();
    changed[at] = Math.floor(random() * 256);
    yield changed;
  }
}

Deno.test("WorkIds finds the id of each record sent where an answer repeats it", () => {
  const { ids } = sentOf(records);
  assertEquals(ids.count, 5);
  for (const [n, { id }] of records.entries()) {
    const bytes = Uint8Array.of(9, ...recordMessage.encode({ id }), 8);
    const view = new DataView(bytes.buffer);
    const end = bytes.length - 1;
    assertEquals(ids.idEnd(n, view, 1, bytes.length), end);
    assertEquals(ids.idEnd(n, view, 1, end), end);
    assertEquals(ids.idEnd(n, view, 1, end - 1), -1);
    for (let at = 1; at < end; at++) {
      bytes[at]! ^= 1;
      assertEquals(ids.idEnd(n, view, 1, end), -1);
      bytes[at]! ^= 1;
    }
  }
});

Deno.test("WorkIds finds none where a record is empty or does not begin with its id", () => {
  const { ids } = sentOf([{}, { recordType: "x" }, {
    id: { sourceId: "s".repeat(200) },
  }]);
  const view = new DataView(new ArrayBuffer(300));
  for (const n of [0, 1, 2]) assertEquals(ids.idEnd(n, view, 0, 300), -1);
});

Deno.test("WriteResultView.statusIfAllWritten() tells what the results say, or that it does not know", () => {
  const { ids } = sentOf(records);
  let known = 0;
  for (const status of [0, 1, 4, 200]) {
    const bytes = writeResponseMessage.encode({
      batchId: status === 4 ? "b" : "",
      status,
      results: records.map(({ id }) => ({ recordId: id, success: true })),
    });
    for (const variant of variants(bytes)) {
      const found = new WriteResultView().reset(variant)
        .statusIfAllWritten(ids);
      if (found === -1) continue;
      known++;
      const { results, ...said } = writeResponseMessage.decode(variant);
      assertEquals(said.status, found);
      assertEquals(
        (results as Fields[]).map(({ recordId, ...rest }) => [
          (recordId as Fields).sequenceNumber,
          rest,
        ]),
        records.map(({ id }) => [
          BigInt((id as { sequenceNumber: number }).sequenceNumber),
          { success: true, error: "", retryable: false },
        ]),
      );
    }
  }
  assert(known >= 3, `${known}`);
});

Deno.test("TransformResultView.addIfOneForEach() gives the same outputs as a reading in full, or none", () => {
  const { ids } = sentOf(records);
  const bytes = processResponseMessage.encode({
    batchId: "b",
    results: records.map((record, i) => ({
      originalId: record.id,
      status: i % 2 === 0 ? TransformStatus.Success : TransformStatus.Split,
      outputRecords: [{ ...record, metadata: { a: `${i}` } }],
    })),
  });
  let same = 0;
  for (const variant of variants(bytes)) {
    const view = new TransformResultView().reset(variant);
    let isPlain: boolean;
    try {
      isPlain = view.addIfOneForEach(ids);
    } catch (error) {
      assert(error instanceof WireError);
      continue;
    }
    if (!isPlain) continue;
    same++;
    const whole = new TransformResultView().reset(variant).addResponse();
    assertEquals(whole.count, records.length);
    const { outputs } = view;
    assertEquals(outputs.count, whole.outputs.count);
    for (let i = 0; i < outputs.count; i++) {
      assertEquals(
        [outputs.starts[i], outputs.ends[i], outputs.ids.sequence(i)],
        [
          whole.outputs.starts[i],
          whole.outputs.ends[i],
          whole.outputs.ids.sequence(i),
        ],
      );
      assertEquals(whole.outputsStart(i), i);
      assert(
        whole.statuses[i] === TransformStatus.Success ||
          whole.statuses[i] === TransformStatus.Split,
      );
    }
  }
  assert(same > bytes.length / 8, `${same} of ${bytes.length}`);
});

Deno.test("TransformResultView.addIfOneForEach() knows no answer with a result too few or too many, an error or a split", () => {
  const { ids } = sentOf(records);
  const results = records.map((record) => ({
    originalId: record.id,
    status: 1,
    outputRecords: [record],
  }));
  const [first, ...rest] = results;
  const isPlain = (results: readonly Fields[]): boolean =>
    new TransformResultView().reset(processResponseMessage.encode({ results }))
      .addIfOneForEach(ids);
  assert(isPlain(results));
  for (
    const other of [
      rest,
      [...results, first!],
      [...rest, first!],
      [{ ...first, status: 3 }, ...rest],
      [{ ...first, errorMessage: "x" }, ...rest],
      [{ ...first, outputRecords: [] }, ...rest],
      [{ ...first, outputRecords: records.slice(0, 2) }, ...rest],
    ]
  ) assertEquals(isPlain(other), false);
});
