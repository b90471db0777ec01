/**
 * What a source has pushed and what became of each record. A record stays here until whoever takes it has
 * said so: one whose ack was lost with its connection is sent again, in its place.
 */
import { Code, ConveyorError, invalidArgument, quote } from "../lib/errors.ts";
import { pushBatchBytes } from "../lib/limits.ts";
import { requiredObject } from "../lib/options.ts";
import { codecOf, type MessageInit } from "../proto/codec.ts";
import type { Record, RecordId } from "../proto/messages/common.ts";
import { AckStatus } from "../proto/messages/source.ts";
import { schema } from "../proto/schema.ts";
import type { PushAck } from "./push_wire.ts";
import { recordBytes } from "./record_bytes.ts";

const recordCodec = codecOf<Record>(
  schema.lookupType("conveyor.common.Record"),
);

/** What became of one record. */
export interface RecordOutcome {
  /** The record's identity. */
  readonly id: MessageInit<RecordId>;
  /** Accepted: settled. Duplicate: settled before. Rejected: not taken, send it again or give up. */
  readonly status: AckStatus;
  /** Why it was rejected; else empty. */
  readonly error: string;
}

/** Records to be sent as one batch. */
export interface PushBatch {
  readonly batchId: string;
  readonly records: readonly MessageInit<Record>[];
}

enum State {
  Unsent,
  Sent,
  Settled,
}

interface Push {
  readonly records: readonly MessageInit<Record>[];
  readonly outcomes: RecordOutcome[];
  readonly states: Uint8Array;
  /** No record before this place is unsent. */
  from: number;
  left: number;
  readonly resolve: (outcomes: readonly RecordOutcome[]) => void;
  readonly reject: (reason: Error) => void;
}

interface SentBatch {
  readonly push: Push;
  /** Places of its records in the push. */
  readonly places: readonly number[];
  left: number;
}

/** The pushes of one source that are not settled. */
export class PushLedger {
  readonly #sourceId: string;
  /** In the order they were made. */
  readonly #open = new Set<Push>();
  #unsent: Push[] = [];
  readonly #batches = new Map<string, SentBatch>();
  #count = 0;
  #refusal: string | undefined;

  constructor(sourceId: string) {
    this.#sourceId = sourceId;
  }

  /** Whether every record is settled. */
  get isEmpty(): boolean {
    return this.#open.size === 0;
  }

  /** Whether there are records to send. */
  get hasUnsent(): boolean {
    return this.#unsent.length > 0;
  }

  /** Takes records; resolves with what became of each, in their order. */
  add(
    given: readonly MessageInit<Record>[],
  ): Promise<readonly RecordOutcome[]> {
    const records = given.map((record, at) => this.#owned(record, at));
    if (records.length === 0) return Promise.resolve([]);
    const { promise, resolve, reject } = Promise.withResolvers<
      readonly RecordOutcome[]
    >();
    const push: Push = {
      records,
      outcomes: new Array<RecordOutcome>(records.length),
      states: new Uint8Array(records.length),
      from: 0,
      left: records.length,
      resolve,
      reject,
    };
    this.#open.add(push);
    this.#unsent.push(push);
    return promise;
  }

  /** Takes up to `max` records to be sent now, as many as are no more than a batch may have bytes. */
  next(max: number): PushBatch | undefined {
    const push = this.#unsent[0];
    if (push === undefined || max < 1) return undefined;
    const places: number[] = [];
    let bytes = 0;
    let at = push.from;
    for (; at < push.records.length && places.length < max; at++) {
      if (push.states[at] !== State.Unsent) continue;
      bytes += recordBytes(push.records[at]!);
      if (bytes > pushBatchBytes && places.length > 0) break;
      places.push(at);
    }
    for (const place of places) push.states[place] = State.Sent;
    push.from = at;
    if (at === push.records.length) this.#unsent.shift();
    if (places.length === 0) return this.next(max);
    const batchId = `${++this.#count}`;
    this.#batches.set(batchId, { push, places, left: places.length });
    return { batchId, records: places.map((place) => push.records[place]!) };
  }

  /** Why records were not taken that are sent again; undefined when all of the last ack were. */
  get refusal(): string | undefined {
    return this.#refusal;
  }

  /**
   * Notes acks; one of a record that was not sent is DataLoss. Gives the number of records that are to be
   * sent again.
   */
  ack(batchId: string, acks: readonly PushAck[]): number {
    const batch = this.#batches.get(batchId);
    if (batch === undefined) {
      throw unknownAck(`of the batch ${quote(batchId)}, which was not sent`);
    }
    let again = 0;
    this.#refusal = undefined;
    for (const [at, ack] of acks.entries()) {
      if (!this.#settle(batch, at, ack)) again++;
    }
    if (batch.left === 0) this.#batches.delete(batchId);
    if (again > 0) {
      this.#unsent = [...this.#open].filter(({ from, records }) =>
        from < records.length
      );
    }
    this.#resolve(batch.push);
    return again;
  }

  /**
   * A message was larger than its receiver takes, who does not say which: that is the largest record of
   * those that went alone, as whatever went together is small enough for anybody. Notes that it is
   * rejected with this error; whether there was one.
   */
  rejectLargest(error: string): boolean {
    let largest: SentBatch | undefined;
    let largestBytes = 0;
    for (const batch of this.#batches.values()) {
      const { push: { records }, places: [place, ...others], left } = batch;
      if (left === 0 || others.length > 0) continue;
      const bytes = recordCodec.encode(records[place!]!).length;
      if (bytes <= largestBytes) continue;
      largest = batch;
      largestBytes = bytes;
    }
    if (largest === undefined) return false;
    const { push, places: [place] } = largest;
    this.#end(push, place!, AckStatus.Rejected, error);
    this.#resolve(push);
    return true;
  }

  /** The stream broke: what was sent and not acked is to be sent again. */
  sendAgain(): void {
    this.#batches.clear();
    this.#unsent = [...this.#open];
    for (const push of this.#unsent) {
      push.from = 0;
      for (let at = 0; at < push.states.length; at++) {
        if (push.states[at] === State.Sent) push.states[at] = State.Unsent;
      }
    }
  }

  /** Gives all pushes up. */
  fail(reason: Error): void {
    for (const push of this.#open) push.reject(reason);
    this.#open.clear();
    this.#batches.clear();
    this.#unsent = [];
  }

  /** Notes one ack; whether the record is settled. */
  #settle(batch: SentBatch, at: number, ack: PushAck): boolean {
    const { push } = batch;
    const { recordId, status, errorMessage } = ack;
    const place = placeOf(batch, at, recordId);
    if (place === undefined) {
      throw unknownAck(
        `of the record ${recordId?.partition}/${recordId?.sequenceNumber}, which is not in its batch`,
      );
    }
    if (status === AckStatus.Unspecified) {
      throw unknownAck("that does not say what became of the record");
    }
    batch.left--;
    if (status === "again") {
      push.states[place] = State.Unsent;
      push.from = Math.min(push.from, place);
      this.#refusal = errorMessage;
      return false;
    }
    this.#end(push, place, status, errorMessage);
    return true;
  }

  #end(push: Push, place: number, status: AckStatus, error: string): void {
    push.states[place] = State.Settled;
    const id = push.records[place]!.id!;
    push.outcomes[place] = { id, status, error };
    push.left--;
  }

  #resolve(push: Push): void {
    if (push.left > 0) return;
    this.#open.delete(push);
    push.resolve(push.outcomes);
  }

  /** The record with this source's name in its identity. */
  #owned(record: MessageInit<Record>, at: number): MessageInit<Record> {
    const { id } = requiredObject(`records[${at}]`, record);
    const sourceId = id?.sourceId || this.#sourceId;
    if (sourceId !== this.#sourceId) {
      throw invalidArgument(
        `records[${at}].id.sourceId`,
        `must be ${
          quote(this.#sourceId)
        }, the source of this client, or left out`,
        sourceId,
      );
    }
    if (typeof id?.sequenceNumber !== "bigint") {
      throw invalidArgument(
        `records[${at}].id.sequenceNumber`,
        "must be a bigint",
        id?.sequenceNumber,
      );
    }
    return { ...record, id: { ...id, sourceId } };
  }
}

/** Acks mostly come in the order of the records; else by identity. */
function placeOf(
  { push, places }: SentBatch,
  at: number,
  id: PushAck["recordId"],
): number | undefined {
  const fits = (place: number | undefined): boolean =>
    place !== undefined && push.states[place] === State.Sent &&
    id?.sequenceNumber === push.records[place]!.id!.sequenceNumber &&
    (id?.partition ?? 0) === (push.records[place]!.id!.partition ?? 0);
  return fits(places[at]) ? places[at] : places.find(fits);
}

function unknownAck(what: string): ConveyorError {
  return new ConveyorError(
    Code.DataLoss,
    `Cannot use an ack: it is one ${what}`,
  );
}
