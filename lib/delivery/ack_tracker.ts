/**
 * Which records are settled. A record has as many branches as there are pipelines, stages and output
 * records that still have to do with it; when the last one settles the record does, once, and with it
 * every copy that arrived in the meantime. Records are slots in columns, known by small numbers:
 * nothing is allocated for one.
 */
import { grown, type RecordIds } from "../../proto/record_ids.ts";
import { slotsAtFirst } from "../limits.ts";
import { invariant } from "../invariant.ts";
import type { Buffer } from "./buffer.ts";
import { Intake, type IntakeOwner, Outcome } from "./intake.ts";
import type { EntryOwner, PartitionWindow } from "./partition_window.ts";
import { Rejection } from "./rejection.ts";

/** Where a record came in. */
export interface Origin {
  readonly intake: Intake;
  readonly place: number;
  readonly window: PartitionWindow | undefined;
}

/** The records that are under way. Slot 0 is none. */
export class AckTracker implements EntryOwner {
  /** Windows whose offset was raised since they were looked at last; for whoever commits offsets. */
  readonly raised: PartitionWindow[] = [];
  /** Windows to which records were given back since, for whoever lets them go in time. */
  readonly givenBack: PartitionWindow[] = [];
  /** Until when a record that is given back may be sent again; set by whoever knows the time. */
  givenBackUntilMs = 0;
  /** Records that were settled so far. */
  settled = 0;
  readonly #buffer: Buffer;
  #branches: Uint32Array = new Uint32Array(slotsAtFirst);
  #intakeOf: Uint32Array = new Uint32Array(slotsAtFirst);
  #placeOf: Uint32Array = new Uint32Array(slotsAtFirst);
  #entryOf: Uint32Array = new Uint32Array(slotsAtFirst);
  /** The next copy of the same record. */
  #copyOf: Uint32Array = new Uint32Array(slotsAtFirst);
  #removed: Uint8Array = new Uint8Array(slotsAtFirst);
  readonly #windowOf: (PartitionWindow | undefined)[] = [undefined];
  #free: Uint32Array = new Uint32Array(slotsAtFirst);
  #freeCount = 0;
  #used = 1;
  readonly #intakes: (Intake | undefined)[] = [];
  readonly #freeIntakes: number[] = [];
  #told: Intake[] = [];
  #open = 0;
  #opened = 0;

  constructor(buffer: Buffer) {
    this.#buffer = buffer;
  }

  /** Records under way, copies included. */
  get open(): number {
    return this.#open;
  }

  /** Opens a batch. */
  openIntake(owner: IntakeOwner, batchId: string, ids: RecordIds): Intake {
    const intake = new Intake(owner, batchId, ids);
    intake.number = this.#freeIntakes.pop() ?? this.#intakes.length;
    intake.turn = this.#opened++;
    this.#intakes[intake.number] = intake;
    return intake;
  }

  /** The slot that `take` or `join` will use next. */
  get nextSlot(): number {
    if (this.#freeCount > 0) return this.#free[this.#freeCount - 1]!;
    if (this.#used === this.#branches.length) this.#grow();
    return this.#used;
  }

  /**
   * Puts the record in a place of `intake` under way, with so many branches; returns its slot. The
   * window has just admitted it; without one it is no record of a source.
   */
  take(
    intake: Intake,
    place: number,
    window: PartitionWindow | undefined,
    branches: number,
  ): number {
    const slot = this.#allocate(intake, place, window);
    this.#branches[slot] = branches;
    if (window !== undefined) this.#entryOf[slot] = window.entry;
    return slot;
  }

  /** Where a record under way came in: its batch, its place there, its window if a source sent it. */
  originOf(slot: number): Origin {
    return {
      intake: this.#intakes[this.#intakeOf[slot]!]!,
      place: this.#placeOf[slot]!,
      window: this.#windowOf[slot],
    };
  }

  /** The record in a place of `intake` is the one that is under way as `first`. */
  join(first: number, intake: Intake, place: number): void {
    const slot = this.#allocate(intake, place, this.#windowOf[first]);
    this.#copyOf[slot] = this.#copyOf[first]!;
    this.#copyOf[first] = slot;
  }

  /** The record in a place of `intake` needs no slot: this is what became of it. */
  answer(
    intake: Intake,
    place: number,
    outcome: Outcome,
    reason: Rejection = Rejection.None,
  ): void {
    intake.answer(place, outcome, reason);
    this.tell(intake);
  }

  /** The record has so many more branches. */
  addBranches(slot: number, branches: number): void {
    this.#branches[slot]! += branches;
  }

  /** A branch of the record is settled. */
  settle(slot: number): void {
    const left = --this.#branches[slot]!;
    if (left === 0) {
      if (this.#copyOf[slot] === 0 && this.#removed[slot] === 0) {
        this.#finishOne(slot);
      } else this.#finish(slot);
    } else if (left < 0) invariant(false, `record ${slot} is settled twice`);
  }

  /** A branch of the record ends because its pipeline is no more. */
  abandon(slot: number): void {
    this.#removed[slot] = 1;
    this.settle(slot);
  }

  /** A window has given its record another entry. */
  entryMoved(slot: number, entry: number): void {
    this.#entryOf[slot] = entry;
  }

  /** The batch is to be told of, even if it has no record. */
  tell(intake: Intake): void {
    if (intake.listed) return;
    intake.listed = true;
    this.#told.push(intake);
  }

  /** Tells the owners of batches what has become known since the last call. */
  tellOwners(): void {
    if (this.#told.length === 0) return;
    const told = this.#told;
    this.#told = [];
    for (const intake of told) this.#tellOwner(intake);
  }

  #tellOwner(intake: Intake): void {
    // An owner may bring about more while it is told: that is for the next time.
    intake.listed = false;
    intake.owner.told(intake);
    intake.freshCount = 0;
    if (intake.open > 0) return;
    this.#intakes[intake.number] = undefined;
    this.#freeIntakes.push(intake.number);
    intake.owner.intakeClosed(intake);
  }

  #allocate(
    intake: Intake,
    place: number,
    window: PartitionWindow | undefined,
  ): number {
    const slot = this.nextSlot;
    if (this.#freeCount > 0) this.#freeCount--;
    else this.#used++;
    this.#intakeOf[slot] = intake.number;
    this.#placeOf[slot] = place;
    this.#windowOf[slot] = window;
    this.#open++;
    return slot;
  }

  /** What `#finish` does for a record that was not given up and came once. */
  #finishOne(slot: number): void {
    const window = this.#windowOf[slot];
    if (window !== undefined) {
      if (window.settle(this.#entryOf[slot]!)) this.raised.push(window);
      this.#buffer.removeRecords(window.account, 1);
    }
    this.settled++;
    const intake = this.#intakes[this.#intakeOf[slot]!]!;
    intake.answer(this.#placeOf[slot]!, Outcome.Accepted, Rejection.None);
    if (!intake.listed) this.tell(intake);
    this.#release(slot);
  }

  #release(slot: number): void {
    this.#windowOf[slot] = undefined;
    this.#free[this.#freeCount++] = slot;
    this.#open--;
  }

  #finish(slot: number): void {
    const removed = this.#removed[slot] === 1;
    const window = this.#windowOf[slot];
    if (window !== undefined) {
      const entry = this.#entryOf[slot]!;
      if (removed) {
        window.giveBack(entry, this.givenBackUntilMs);
        this.givenBack.push(window);
      } else if (window.settle(entry)) this.raised.push(window);
    }
    this.#removed[slot] = 0;
    const outcome = removed ? Outcome.Rejected : Outcome.Accepted;
    const reason = removed ? Rejection.PipelineRemoved : Rejection.None;
    if (!removed) this.settled++;
    for (let next = slot; next !== 0;) {
      const intake = this.#intakes[this.#intakeOf[next]!]!;
      intake.answer(this.#placeOf[next]!, outcome, reason);
      this.tell(intake);
      if (window !== undefined) this.#buffer.removeRecords(window.account, 1);
      const copy = this.#copyOf[next]!;
      this.#copyOf[next] = 0;
      this.#release(next);
      next = copy;
    }
  }

  #grow(): void {
    const capacity = this.#branches.length * 2;
    this.#branches = grown(this.#branches, capacity);
    this.#intakeOf = grown(this.#intakeOf, capacity);
    this.#placeOf = grown(this.#placeOf, capacity);
    this.#entryOf = grown(this.#entryOf, capacity);
    this.#copyOf = grown(this.#copyOf, capacity);
    this.#free = grown(this.#free, capacity);
    const removed = new Uint8Array(capacity);
    removed.set(this.#removed);
    this.#removed = removed;
    invariant(capacity < 2 ** 31, "more records are under way than can be");
  }
}
