import { assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import { InvariantViolation } from "../../lib/invariant.ts";
import { ResultView } from "../../proto/result_view.ts";
import { WireError } from "../../proto/wire.ts";
import { WireWriter } from "../../proto/wire_writer.ts";

/** Results of an id and an error in field 2, in field 2 of their response. */
class ErrorView extends ResultView {
  readonly cleared: number[] = [];
  readonly responseTags: number[] = [];
  protected override readonly resultsTag: number = 0x12;

  protected override clear(i: number): void {
    this.cleared.push(i);
  }

  protected override readField(_i: number, tag: number, start: number): void {
    if (tag === 0x12) this.readError(_i);
    else this.reader.skipUnknown(tag, 2, start);
  }

  protected override readResponseField(tag: number, start: number): void {
    this.responseTags.push(tag);
    this.reader.skipUnknown(tag, 2, start);
  }
}

function result(sourceId: string, error?: string): WireWriter {
  const writer = new WireWriter().uint32(0x0a).fork().uint32(0x0a)
    .string(sourceId).ldelim();
  return error === undefined ? writer : writer.uint32(0x12).string(error);
}

function response(...results: readonly WireWriter[]): WireWriter {
  const writer = new WireWriter();
  for (const each of results) writer.uint32(0x12).bytes(each.finish());
  return writer;
}

Deno.test("addResponse() reads ids, errors and the batch id", () => {
  const bytes = response(result("a", "bad: €"), result("b"))
    .uint32(0x0a).string("batch-1").uint32(0x48).uint32(5).finish();
  const view = new ErrorView().reset(bytes).addResponse();
  assertEquals(view.batchId, "batch-1");
  assertEquals(view.count, 2);
  assertEquals(view.ids.sourceIds.slice(0, 2), ["a", "b"]);
  assertEquals([view.error(0), view.error(1)], ["bad: €", ""]);
  assertEquals((view as ErrorView).cleared, [0, 1]);
  assertEquals((view as ErrorView).responseTags, [0x48]);
});

Deno.test("addResult() adds one result after another", () => {
  const first = result("a", "x").finish();
  const second = result("b", "y").finish();
  const bytes = new WireWriter().raw(first).raw(second).finish();
  const view = new ErrorView().reset(bytes).addResult(0, first.length)
    .addResult(first.length);
  assertEquals(view.ids.sourceIds.slice(0, 2), ["a", "b"]);
  assertEquals([view.error(0), view.error(1)], ["x", "y"]);
});

Deno.test("error() is the last one, and never one of an earlier use", () => {
  const view = new ErrorView();
  view.reset(result("a", "x").uint32(0x12).string("y").finish()).addResult();
  assertEquals(view.error(0), "y");
  view.reset(result("a").finish()).addResult();
  assertEquals(view.error(0), "");
  assertEquals(view.count, 1);
});

Deno.test("error() stops at results that are not there", () => {
  assertThrows(() => new ErrorView().error(0), InvariantViolation);
});

Deno.test("addResponse() keeps to the end of each result", () => {
  // The result says 4 bytes; its id wants 9.
  const bytes = Uint8Array.of(0x12, 4, 0x0a, 9, 0, 0, 0x12, 0, 0, 0, 0, 0, 0);
  const error = assertThrows(() => new ErrorView().reset(bytes).addResponse());
  assertInstanceOf(error, WireError);
  assertEquals([error.kind, error.offset], ["length_past_end", 3]);
});

Deno.test("addResponse() refuses an error that is not UTF-8", () => {
  const bytes = Uint8Array.of(0x12, 3, 0x12, 1, 0xff);
  const error = assertThrows(() => new ErrorView().reset(bytes).addResponse());
  assertInstanceOf(error, WireError);
  assertEquals([error.kind, error.offset], ["invalid_utf8", 4]);
});
