import { assertEquals } from "@std/assert";
import { Intake, Outcome } from "../../../lib/delivery/intake.ts";
import {
  Rejection,
  rejectionMessage,
} from "../../../lib/delivery/rejection.ts";
import {
  ackMessage,
  grantMessage,
  pressureMessage,
} from "../../../lib/handlers/push_messages.ts";
import { seededRandom } from "../../../lib/random.ts";
import { codecOf } from "../../../proto/codec.ts";
import type { PushResponse } from "../../../proto/messages/source.ts";
import { RecordView } from "../../../proto/record_view.ts";
import { schema } from "../../../proto/schema.ts";
import { nobody } from "../../fixtures/loads.ts";
import { randomBatch } from "../../fixtures/random_records.ts";
import { recordBatchMessage } from "../../fixtures/record_messages.ts";

const codec = codecOf<PushResponse>(
  schema.lookupType("conveyor.source.PushResponse"),
);

Deno.test("ackMessage() tells of each record by its identity, over the whole range of it", () => {
  const seed = 7;
  const random = seededRandom(seed);
  for (let round = 0; round < 200; round++) {
    const bytes = recordBatchMessage.encode(randomBatch(random));
    const view = new RecordView().reset(bytes).addBatch();
    const intake = new Intake(nobody, view.batchId, view.ids);
    const expected: unknown[] = [];
    for (let i = 0; i < view.count; i++) {
      const outcome = 1 + Math.floor(random() * 3) as Outcome;
      const reason = outcome === Outcome.Rejected
        ? Rejection.NoRoom
        : Rejection.None;
      intake.answer(i, outcome, reason);
      expected.push({
        recordId: {
          sourceId: view.ids.sourceIds[i],
          partition: view.ids.partitions[i],
          sequenceNumber: view.ids.sequence(i),
          idempotencyKey: new Uint8Array(0),
        },
        status: outcome,
        errorMessage: rejectionMessage(reason),
      });
    }
    const { ack } = codec.decode(ackMessage(intake));
    assertEquals(ack?.batchId, view.batchId, `SEED ${seed}`);
    assertEquals(ack?.recordAcks as unknown[], expected, `SEED ${seed}`);
  }
});

Deno.test("ackMessage() tells of sequence numbers of every length", () => {
  const sequences = Array.from({ length: 64 }, (_, bit) => 2n ** BigInt(bit))
    .flatMap((power) => [power - 1n, power]);
  const bytes = recordBatchMessage.encode({
    records: sequences.map((sequenceNumber) => ({ id: { sequenceNumber } })),
  });
  const view = new RecordView().reset(bytes).addBatch();
  const intake = new Intake(nobody, view.batchId, view.ids);
  for (let i = 0; i < view.count; i++) {
    intake.answer(i, Outcome.Accepted, Rejection.None);
  }
  const { ack } = codec.decode(ackMessage(intake));
  assertEquals(
    ack?.recordAcks.map(({ recordId }) => recordId?.sequenceNumber),
    sequences,
  );
});

Deno.test("ackMessage() tells only what has become known", () => {
  const bytes = recordBatchMessage.encode({
    records: [1, 2, 3].map((sequenceNumber) => ({ id: { sequenceNumber } })),
  });
  const view = new RecordView().reset(bytes).addBatch();
  const intake = new Intake(nobody, "", view.ids);
  intake.answer(2, Outcome.Accepted, Rejection.None);
  const { ack } = codec.decode(ackMessage(intake));
  assertEquals(
    ack?.recordAcks.map(({ recordId }) => recordId?.sequenceNumber),
    [3n],
  );
});

Deno.test("grantMessage() and pressureMessage() say how much, until when, and whether to pause", () => {
  assertEquals(codec.decode(grantMessage(500, 1_000.4)).credits, {
    credits: 500n,
    expiresAtMs: 1_001n,
  });
  const pressed = codec.decode(pressureMessage(4, true)).backpressure;
  assertEquals([pressed?.level, pressed?.pause], [4, true]);
  assertEquals(pressed!.resumeAfterMs > 0n, true);
  assertEquals(
    codec.decode(pressureMessage(1, false)).backpressure?.resumeAfterMs,
    0n,
  );
});
