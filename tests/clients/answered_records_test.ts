import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { AnsweredRecords } from "../../clients/answered_records.ts";
import { Code, ConveyorError } from "../../lib/errors.ts";

const idOf = (sourceId: string, partition = 0, sequenceNumber = 0n) => ({
  sourceId,
  partition,
  sequenceNumber,
  idempotencyKey: new Uint8Array(0),
});

Deno.test("send() refuses a record whose identity would not arrive as it is", () => {
  const answered = new AnsweredRecords("/s/M");
  const wrong: unknown[] = [undefined, null, "", 5, {}, "\ud800", "a\udc00b"];
  for (const sourceId of wrong) {
    const record = { id: { sourceId: sourceId as string } };
    const error = assertThrows(
      () => answered.send(record, "records[3]"),
      ConveyorError,
    );
    assertEquals(error.code, Code.InvalidArgument);
    assertEquals(error.details[0]?.field, "records[3].id.sourceId");
  }
  assertThrows(() => answered.send({}, "record"), ConveyorError);
  assertThrows(() => answered.send(null as never, "record"), ConveyorError);
  assertEquals(answered.count, 0);
});

Deno.test("settle() tells apart ids that are alike, however long they are", () => {
  const long = "x".repeat(100);
  const pairs = [
    [idOf(`${long}a`), idOf(`${long}b`)],
    [idOf("a", 1, 23n), idOf("a", 12, 3n)],
    [idOf("1/a", 0, 0n), idOf("a", 0, 1n)],
    [idOf("a", 0, 2n ** 64n - 1n), idOf("a", 0, 2n ** 64n - 2n)],
  ] as const;
  for (const [sent, other] of pairs) {
    const answered = new AnsweredRecords("/s/M");
    answered.send({ id: sent }, "record");
    const error = assertThrows(() => answered.settle(other), ConveyorError);
    assertEquals(error.code, Code.DataLoss);
    answered.settle(sent);
    answered.finish();
  }
});

Deno.test("finish() names a record that has no result", () => {
  const answered = new AnsweredRecords("/s/M");
  answered.sendAll([{ id: idOf("a/b", 2, 7n) }, { id: idOf("c") }], "records");
  answered.settle(idOf("c"));
  const error = assertThrows(() => answered.finish(), ConveyorError);
  assertEquals(error.code, Code.DataLoss);
  assertStringIncludes(
    error.message,
    'no result for 1 records, the first being "a/b"/2/7',
  );
});

Deno.test("settle() wants as many results as the same record was sent", () => {
  const answered = new AnsweredRecords("/s/M");
  for (let i = 0; i < 2; i++) answered.send({ id: idOf("a") }, "record");
  answered.settle(idOf("a"));
  answered.settle(idOf("a"));
  assertThrows(() => answered.settle(idOf("a")), ConveyorError, '"a"/0/0');
  assertThrows(() => answered.settle(undefined), ConveyorError);
});
