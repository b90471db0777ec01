import { assertEquals, assertThrows } from "@std/assert";
import { AckTracker } from "../../../lib/delivery/ack_tracker.ts";
import { Buffer, SourceAccount } from "../../../lib/delivery/buffer.ts";
import { type Intake, Outcome } from "../../../lib/delivery/intake.ts";
import {
  newRecord,
  PartitionWindow,
} from "../../../lib/delivery/partition_window.ts";
import { Rejection } from "../../../lib/delivery/rejection.ts";
import { seededRandom } from "../../../lib/random.ts";
import { nobody, recordsOf, viewOf } from "../../fixtures/loads.ts";

/** A tracker, one partition, and what the owners of batches were told. */
class Setup {
  readonly account = new SourceAccount("orders");
  readonly buffer = new Buffer({
    recordsMax: 1e6,
    bytesMax: 1e9,
    sourceRecordsMax: 1e6,
    sourceBytesMax: 1e9,
  });
  readonly tracker = new AckTracker(this.buffer);
  readonly window = new PartitionWindow(
    this.account,
    0,
    this.tracker,
    undefined,
  );
  readonly told: string[] = [];
  readonly closed: string[] = [];

  intake(batchId: string, ...sequences: readonly number[]): Intake {
    const { ids } = viewOf(recordsOf(...sequences));
    return this.tracker.openIntake(
      {
        ...nobody,
        told: ({ batchId, ids, fresh, freshCount, outcomes }) => {
          for (let n = 0; n < freshCount; n++) {
            const place = fresh[n]!;
            const name = Outcome[outcomes[place]!];
            this.told.push(`${batchId}:${ids.sequence(place)} ${name}`);
          }
        },
        intakeClosed: ({ batchId }) => void this.closed.push(batchId),
      },
      batchId,
      ids,
    );
  }

  /** Puts a record under way, or joins it to the one that is; its slot. */
  take(intake: Intake, place: number, branches: number): number {
    const { ids } = intake;
    const { tracker, window } = this;
    this.buffer.addRecords(this.account, 1);
    const known = window.admit(
      ids.sequenceLows[place]!,
      ids.sequenceHighs[place]!,
      tracker.nextSlot,
    );
    if (known === newRecord) {
      return tracker.take(intake, place, window, branches);
    }
    tracker.join(known, intake, place);
    return known;
  }

  tell(): string[] {
    this.tracker.tellOwners();
    return this.told.splice(0);
  }
}

Deno.test("AckTracker settles a record when its last branch is", () => {
  const setup = new Setup();
  const intake = setup.intake("a", 1);
  const slot = setup.take(intake, 0, 1);
  setup.tracker.addBranches(slot, 2);
  setup.tracker.settle(slot);
  setup.tracker.settle(slot);
  assertEquals(setup.tell(), []);
  setup.tracker.settle(slot);
  assertEquals(setup.tell(), ["a:1 Accepted"]);
  assertEquals(setup.closed, ["a"]);
  assertEquals([setup.tracker.open, setup.buffer.records], [0, 0]);
  assertEquals(setup.window.offset, 1n);
  assertEquals(setup.tracker.raised, [setup.window]);
});

Deno.test("AckTracker tells every copy of a record with the first one", () => {
  const setup = new Setup();
  const slot = setup.take(setup.intake("a", 1), 0, 1);
  setup.take(setup.intake("b", 1), 0, 1);
  setup.take(setup.intake("c", 1), 0, 1);
  assertEquals(setup.buffer.records, 3);
  setup.tracker.settle(slot);
  assertEquals(setup.tell().sort(), [
    "a:1 Accepted",
    "b:1 Accepted",
    "c:1 Accepted",
  ]);
  assertEquals([setup.tracker.settled, setup.buffer.records], [1, 0]);
});

Deno.test("AckTracker rejects a record of which a branch was given up", () => {
  const setup = new Setup();
  const slot = setup.take(setup.intake("a", 1), 0, 2);
  setup.tracker.givenBackUntilMs = 100;
  setup.tracker.abandon(slot);
  setup.tracker.settle(slot);
  assertEquals(setup.tell(), ["a:1 Rejected"]);
  assertEquals(setup.window.offset, undefined);
  assertEquals(setup.tracker.settled, 0);
});

Deno.test("AckTracker answers at once for records that need no slot", () => {
  const setup = new Setup();
  const intake = setup.intake("a", 1, 2);
  setup.tracker.answer(intake, 1, Outcome.Duplicate);
  assertEquals(setup.tell(), ["a:2 Duplicate"]);
  assertEquals(setup.closed, []);
  setup.tracker.answer(intake, 0, Outcome.Rejected, Rejection.NoCredit);
  assertEquals(setup.tell(), ["a:1 Rejected"]);
  assertEquals(setup.closed, ["a"]);
});

Deno.test("AckTracker finds out that a record is settled twice", () => {
  const setup = new Setup();
  const slot = setup.take(setup.intake("a", 1), 0, 1);
  setup.tracker.settle(slot);
  assertThrows(() => setup.tracker.settle(slot), Error, "settled twice");
});

Deno.test("AckTracker tells each record once, and ends empty, over any order of work", () => {
  const seed = Math.floor(performance.now() * 1_000) % 2 ** 31;
  const random = seededRandom(seed);
  const setup = new Setup();
  const owed = new Map<number, number>();
  let sequence = 0;
  let sent = 0;
  const told: string[] = [];
  for (let step = 0; step < 4_000; step++) {
    if (random() < 0.4) {
      const sequences = Array.from(
        { length: 1 + Math.floor(random() * 5) },
        () => random() < 0.8 ? ++sequence : Math.max(1, sequence - 3),
      );
      const intake = setup.intake(`${step}`, ...sequences);
      for (const [place, number] of sequences.entries()) {
        sent++;
        const known = setup.window.offset ?? 0n;
        if (BigInt(number) <= known) {
          setup.tracker.answer(intake, place, Outcome.Duplicate);
          continue;
        }
        const before = setup.tracker.nextSlot;
        setup.buffer.addRecords(setup.account, 1);
        const found = setup.window.admit(number, 0, before);
        if (found === newRecord) {
          setup.tracker.take(intake, place, setup.window, 1);
          owed.set(before, 1);
        } else if (found > 0) setup.tracker.join(found, intake, place);
        else {
          setup.buffer.removeRecords(setup.account, 1);
          setup.tracker.answer(intake, place, Outcome.Duplicate);
        }
      }
    } else if (owed.size > 0) {
      const slots = [...owed.keys()];
      const slot = slots[Math.floor(random() * slots.length)]!;
      if (random() < 0.3) {
        setup.tracker.addBranches(slot, 1);
        owed.set(slot, owed.get(slot)! + 1);
      } else {
        setup.tracker.settle(slot);
        const left = owed.get(slot)! - 1;
        if (left === 0) owed.delete(slot);
        else owed.set(slot, left);
      }
    }
    told.push(...setup.tell());
  }
  for (const [slot, branches] of owed) {
    for (let n = 0; n < branches; n++) setup.tracker.settle(slot);
  }
  told.push(...setup.tell());
  assertEquals(told.length, sent, `SEED ${seed}`);
  assertEquals(
    [setup.tracker.open, setup.buffer.records, setup.window.isEmpty],
    [0, 0, true],
    `SEED ${seed}`,
  );
  assertEquals(setup.window.offset, BigInt(sequence), `SEED ${seed}`);
});
