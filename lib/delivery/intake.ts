/**
 * A batch of a source that is not answered in full. What became of its records is gathered here, and
 * told to the source in one message for all that became known at a time.
 */
import type { RecordIds } from "../../proto/record_ids.ts";
import type { Load } from "./load.ts";
import { Rejection } from "./rejection.ts";

/** What became of a record, with the numbers of AckStatus. */
export enum Outcome {
  Open = 0,
  Accepted = 1,
  Duplicate = 2,
  Rejected = 3,
}

/** Whoever brought the batch. */
export interface IntakeOwner {
  /** The outcome of the records in `fresh`, the first `freshCount` of it, has become known. */
  told(intake: Intake): void;
  /** All of it is answered: it comes to no stage any more. */
  intakeClosed(intake: Intake): void;
  /** Its records as they came, each under way in the slot of its place; while it is open. */
  loadOf(slots: Uint32Array): Load;
}

/** The open batch. Changed by the ack tracker alone. */
export class Intake {
  readonly owner: IntakeOwner;
  readonly batchId: string;
  readonly ids: RecordIds;
  readonly count: number;
  /** By record. */
  readonly outcomes: Uint8Array;
  readonly reasons: Uint8Array;
  /** The records whose outcome became known and was not told yet: the first `freshCount`. */
  readonly fresh: Uint32Array;
  freshCount = 0;
  /** Records without an outcome. */
  open: number;
  /** Its number among the open batches. */
  number = 0;
  /** How many batches came before it. */
  turn = 0;
  /** Whether the tracker has it on its list of batches with something to tell. */
  listed = false;

  constructor(owner: IntakeOwner, batchId: string, ids: RecordIds) {
    this.owner = owner;
    this.batchId = batchId;
    this.ids = ids;
    this.count = this.open = ids.count;
    this.outcomes = new Uint8Array(this.count);
    this.reasons = new Uint8Array(this.count);
    this.fresh = new Uint32Array(this.count);
  }

  /** The record in this place has this outcome. */
  answer(place: number, outcome: Outcome, reason: Rejection): void {
    this.outcomes[place] = outcome;
    if (reason !== Rejection.None) this.reasons[place] = reason;
    this.fresh[this.freshCount++] = place;
    this.open--;
  }
}
