import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import { PushLedger } from "../../clients/push_ledger.ts";
import { Code, ConveyorError } from "../../lib/errors.ts";
import { pushBatchBytes } from "../../lib/limits.ts";
import type { MessageInit } from "../../proto/codec.ts";
import type { Record } from "../../proto/messages/common.ts";
import { AckStatus, type RecordAck } from "../../proto/messages/source.ts";

function records(...sequences: number[]): MessageInit<Record>[] {
  return sequences.map((sequence) => ({
    id: { sequenceNumber: BigInt(sequence) },
  }));
}

function ack(sequence: number, status = AckStatus.Accepted): RecordAck {
  return {
    recordId: {
      sourceId: "s",
      partition: 0,
      sequenceNumber: BigInt(sequence),
      idempotencyKey: new Uint8Array(0),
    },
    status,
    errorMessage: status === AckStatus.Rejected ? "no" : "",
  };
}

function sequencesOf(batch: { records: readonly MessageInit<Record>[] }) {
  return batch.records.map(({ id }) => Number(id?.sequenceNumber));
}

Deno.test("PushLedger resolves a push when each of its records is settled, whatever the order", async () => {
  const ledger = new PushLedger("s");
  const pushed = ledger.add(records(1, 2, 3));
  const first = ledger.next(2)!;
  const second = ledger.next(2)!;
  assertEquals([sequencesOf(first), sequencesOf(second)], [[1, 2], [3]]);
  assertEquals(ledger.next(2), undefined);
  ledger.ack(second.batchId, [ack(3, AckStatus.Duplicate)]);
  ledger.ack(first.batchId, [ack(2, AckStatus.Rejected)]);
  assertEquals(ledger.isEmpty, false);
  ledger.ack(first.batchId, [ack(1)]);
  assertEquals(
    (await pushed).map(({ status, error }) => [status, error]),
    [[AckStatus.Accepted, ""], [AckStatus.Rejected, "no"], [
      AckStatus.Duplicate,
      "",
    ]],
  );
  assertEquals(ledger.isEmpty, true);
});

Deno.test("PushLedger.sendAgain() sends what was not acked, in the order of the pushes", async () => {
  const ledger = new PushLedger("s");
  const one = ledger.add(records(1, 2));
  const two = ledger.add(records(3));
  const lost = ledger.next(10)!;
  ledger.next(10);
  ledger.ack(lost.batchId, [ack(2)]);
  ledger.sendAgain();
  const again = ledger.next(10)!;
  const behind = ledger.next(10)!;
  assertEquals([sequencesOf(again), sequencesOf(behind)], [[1], [3]]);
  assertThrows(() => ledger.ack(lost.batchId, [ack(1)]), ConveyorError);
  ledger.ack(again.batchId, [ack(1)]);
  ledger.ack(behind.batchId, [ack(3)]);
  await Promise.all([one, two]);
});

Deno.test("PushLedger refuses acks that fit nothing it sent", () => {
  const ledger = new PushLedger("s");
  ledger.add(records(1)).catch(() => {});
  const { batchId } = ledger.next(1)!;
  const bad: [string, RecordAck][] = [
    ["99", ack(1)],
    [batchId, ack(2)],
    [batchId, ack(1, AckStatus.Unspecified)],
  ];
  for (const [id, each] of bad) {
    const error = assertThrows(() => ledger.ack(id, [each]), ConveyorError);
    assertEquals(error.code, Code.DataLoss);
  }
  ledger.fail(new Error("end"));
});

Deno.test("PushLedger refuses records it cannot name, and takes none of them", () => {
  const ledger = new PushLedger("s");
  const cases: [MessageInit<Record>, string][] = [
    [{}, "records[1].id.sequenceNumber"],
    [{ id: {} }, "records[1].id.sequenceNumber"],
    [
      { id: { sequenceNumber: 1n, sourceId: "other" } },
      "records[1].id.sourceId",
    ],
  ];
  for (const [record, field] of cases) {
    const error = assertThrows(
      () => ledger.add([...records(1), record]),
      ConveyorError,
    );
    assertEquals(error.details[0]?.field, field);
  }
  assertEquals(ledger.isEmpty, true);
});

Deno.test("PushLedger.fail() rejects every push, and an empty one never waits", async () => {
  const ledger = new PushLedger("s");
  assertEquals(await ledger.add([]), []);
  const pushed = ledger.add(records(1));
  const refused = assertRejects(() => pushed, Error, "gone");
  ledger.fail(new Error("gone"));
  await refused;
  assertEquals([ledger.isEmpty, ledger.hasUnsent], [true, false]);
});

Deno.test("PushLedger sends again what was not taken, before what comes after it", async () => {
  const ledger = new PushLedger("s");
  const pushed = ledger.add(records(1, 2, 3, 4));
  const later = ledger.add(records(5));
  const batch = ledger.next(3)!;
  const again = { ...ack(2), status: "again", errorMessage: "full" } as const;
  assertEquals(ledger.ack(batch.batchId, [ack(1), again, ack(3)]), 1);
  assertEquals(ledger.refusal, "full");
  const second = ledger.next(9)!;
  const third = ledger.next(9)!;
  assertEquals([sequencesOf(second), sequencesOf(third)], [[2, 4], [5]]);
  assertEquals(ledger.ack(second.batchId, [ack(4), ack(2)]), 0);
  assertEquals(ledger.refusal, undefined);
  ledger.ack(third.batchId, [ack(5)]);
  assertEquals(
    [...await pushed, ...await later].map(({ status }) => AckStatus[status]),
    Array(5).fill("Accepted"),
  );
  assertEquals([ledger.isEmpty, ledger.hasUnsent], [true, false]);
});

Deno.test("PushLedger.next() bounds the bytes of a batch, and lets a larger record go alone", () => {
  const ledger = new PushLedger("s");
  const sizes = [0.4, 0.5, 0.2, 1.5, 0.1].map((share) =>
    Math.floor(share * pushBatchBytes)
  );
  void ledger.add(sizes.map((size, at) => ({
    id: { sequenceNumber: BigInt(at) },
    ...at % 2 === 0
      ? { payload: new Uint8Array(size) }
      : { metadata: { text: "x".repeat(size / 3) } },
  }))).catch(() => {});
  const batches: number[][] = [];
  for (let batch; (batch = ledger.next(10));) batches.push(sequencesOf(batch));
  assertEquals(batches, [[0, 1], [2], [3], [4]]);
  ledger.fail(new Error("the test is over"));
});

Deno.test("PushLedger.rejectLargest() rejects the largest record that went alone, if any did", async () => {
  const ledger = new PushLedger("s");
  const record = (sequence: number, bytes: number) => ({
    id: { sequenceNumber: BigInt(sequence) },
    payload: new Uint8Array(bytes),
  });
  const pushed = ledger.add([
    record(1, 2 * pushBatchBytes),
    // Larger by the number of its characters than by that of its bytes.
    { ...record(2, 0), metadata: { text: "x".repeat(1.5 * pushBatchBytes) } },
    record(3, 10),
    record(4, 10),
  ]);
  const [first] = [ledger.next(9)!, ledger.next(9), ledger.next(9)];
  assertEquals(ledger.rejectLargest("too large"), true);
  assertThrows(() => ledger.ack(first.batchId, [ack(1)]), ConveyorError);
  ledger.sendAgain();
  const [second, rest] = [ledger.next(9)!, ledger.next(9)!];
  assertEquals([sequencesOf(second), sequencesOf(rest)], [[2], [3, 4]]);
  ledger.ack(second.batchId, [ack(2)]);
  assertEquals(ledger.rejectLargest("too large"), false);
  ledger.ack(rest.batchId, [ack(3), ack(4)]);
  assertEquals(
    (await pushed).map(({ status, error }) => [AckStatus[status], error]),
    [["Rejected", "too large"], ["Accepted", ""], ["Accepted", ""], [
      "Accepted",
      "",
    ]],
  );
});
