/**
 * What a record costs to route. One iteration is a batch of 500 records of 256 B with two metadata
 * entries and a JSON payload, so 5 us per iteration is 10 ns per record. The bar for conditions on
 * type and metadata is 50 us: 100 ns a record. Edges without conditions cost the same for any batch.
 */
import { Router } from "../../lib/routing/route.ts";
import type { Condition } from "../../proto/messages/router.ts";
import { RecordView } from "../../proto/record_view.ts";
import { fanOut } from "../fixtures/pipelines.ts";
import { recordBatchMessage } from "../fixtures/record_messages.ts";

const types = ["order.created", "order.paid", "order.shipped"];
const regions = ["eu-west-1", "us-east-1", "ap-south-1", "eu-north-1"];
const encoder = new TextEncoder();

const bytes = recordBatchMessage.encode({
  batchId: "orders-eu-000017",
  records: Array.from({ length: 500 }, (_, i) => ({
    id: {
      sourceId: "orders-eu-west-1",
      partition: i % 8,
      sequenceNumber: 1_000_000 + i,
    },
    recordType: types[i * 7 % types.length],
    key: encoder.encode(`customer-${i}`),
    payload: encoder.encode(JSON.stringify({
      delay: i % 60,
      lines: [{ sku: "a-17", quantity: i % 9 }, { sku: "b-4", quantity: 1 }],
      note: "x".repeat(150),
    })),
    metadata: {
      region: regions[i * 11 % regions.length],
      "content-type": "application/json",
    },
    eventTime: { seconds: 1_760_000_000 + i, nanos: 123_456_789 },
  })),
});
const view = new RecordView().reset(bytes).addBatch();

function bench(name: string, conditions: (Condition | undefined)[]): void {
  const router = new Router(fanOut(conditions));
  Deno.bench(name, () => {
    router.route(0, view);
  });
}

const region = (pattern: string): Condition => ({
  metadataMatch: { key: "region", pattern },
});
const expression = (source: string): Condition => ({ expression: source });

Deno.bench("for comparison: RecordView walk", { baseline: true }, () => {
  new RecordView().reset(bytes).addBatch();
});
bench("two edges without conditions", [undefined, undefined]);
bench("record_type, one edge", [{ recordType: "order.paid" }]);
bench("record_type with *, one edge", [{ recordType: "order.*" }]);
bench("record_type, three edges", types.map((recordType) => ({ recordType })));
bench("metadata_match, one edge", [region("eu-west-1")]);
bench("metadata_match, four edges on one key", regions.map(region));
bench("metadata_match, two keys", [
  region("eu-*"),
  { metadataMatch: { key: "content-type", pattern: "application/json" } },
]);
bench("metadata_match with re:", [region("re:^eu-(west|north)-\\d$")]);
bench("and of record_type and metadata_match", [{
  and: { conditions: [{ recordType: "order.paid" }, region("eu-*")] },
}]);
bench("expression on type", [expression("record.type == 'order.paid'")]);
bench("expression on metadata and partition", [
  expression(
    "record.metadata['region'] == 'eu-west-1' && record.partition < 4u",
  ),
]);
bench("expression on event time", [
  expression("record.event_time > timestamp('2025-10-09T00:00:00Z')"),
]);
bench("expression on JSON payload", [
  expression("record.payload.delay > 15"),
]);
bench("two expressions on JSON payload, one with a loop", [
  expression("record.payload.delay > 15"),
  expression("record.payload.lines.exists(l, l.quantity > 4)"),
]);
bench("expression that fails on every record", [
  expression("record.metadata.none == 'x'"),
]);
