import { assertEquals } from "@std/assert";
import { RecordRewriter } from "../../proto/record_rewriter.ts";
import { RecordView } from "../../proto/record_view.ts";
import { recordsOf, viewOf } from "../fixtures/loads.ts";
import { recordMessage } from "../fixtures/record_messages.ts";

Deno.test("RecordRewriter adds fields behind those of a record, which it leaves as they are", () => {
  const view = viewOf(recordsOf(...Array.from({ length: 300 }, (_, i) => i)));
  const rewriter = new RecordRewriter();
  const more = recordMessage.encode({
    metadata: { city: "Łódź", long: "x".repeat(200) },
  });
  for (let i = 0; i < view.count; i += 2) rewriter.add(view, i, more);
  const seen = new RecordView().reset(rewriter.batch()).addBatch();
  assertEquals(seen.count, 150);
  for (let i = 0; i < seen.count; i++) {
    assertEquals(seen.ids.sequence(i), BigInt(2 * i));
    assertEquals(seen.metadataValue(i, "city"), "Łódź");
    assertEquals(
      [seen.starts[i], seen.ends[i]],
      [rewriter.starts[i], rewriter.ends[i]],
    );
  }
});

Deno.test("RecordRewriter lets a later entry of metadata count, and leaves what was written alone", () => {
  const view = viewOf([{ metadata: { a: "old", b: "kept" } }]);
  const rewriter = new RecordRewriter();
  rewriter.add(view, 0, recordMessage.encode({ metadata: { a: "new" } }));
  const bytes = rewriter.batch();
  rewriter.reset();
  rewriter.add(view, 0, new Uint8Array(0));
  const seen = new RecordView().reset(bytes).addBatch();
  assertEquals(seen.metadataValue(0, "a"), "new");
  assertEquals(seen.metadataValue(0, "b"), "kept");
  assertEquals(rewriter.count, 1);
});
