/**
 * What a record costs a hop: the walk of RecordView, and the joining of its records into the next
 * request, beside protobufjs decode and decode + encode of the same bytes. One iteration is a batch
 * of 100 records of 256 B with two metadata entries, so 1 us per iteration is 10 ns per record. The
 * bar for the walk is 12 us: 120 ns a record.
 */
import { RecordJoin } from "../../proto/record_join.ts";
import { RecordView } from "../../proto/record_view.ts";
import { busyBatch, recordBatchMessage } from "../fixtures/record_messages.ts";

const bytes = recordBatchMessage.encode(busyBatch(100));
const view = new RecordView();
const join = new RecordJoin();

Deno.bench("RecordView walk", { baseline: true }, () => {
  view.reset(bytes).addBatch();
});

Deno.bench("RecordView walk + one metadata value a record", () => {
  view.reset(bytes).addBatch();
  for (let i = 0; i < view.count; i++) view.metadataValue(i, "region");
});

Deno.bench("RecordView walk + join of all records", () => {
  join.clear();
  join.addAll(view.reset(bytes).addBatch()).writeRequest("archive", "b");
});

Deno.bench("RecordView walk + join of every other record", () => {
  join.clear();
  view.reset(bytes).addBatch();
  for (let i = 0; i < view.count; i += 2) join.add(view, i);
  join.writeRequest("archive", "b");
});

Deno.bench("protobufjs decode", () => {
  recordBatchMessage.decodeOnly(bytes);
});

Deno.bench("protobufjs decode + encode", () => {
  recordBatchMessage.encodeOnly(recordBatchMessage.decodeOnly(bytes));
});
