/**
 * Decides for each record of a batch whether it is taken: new records are, within the credit and the
 * room of their source; one that is under way already joins its first copy; one that is settled is a
 * duplicate. What is not taken is rejected with the reason, and may be sent again.
 */
import { type Intake, Outcome } from "../delivery/intake.ts";
import {
  newRecord,
  type PartitionWindow,
  settledRecord,
} from "../delivery/partition_window.ts";
import { Rejection } from "../delivery/rejection.ts";
import type { FlowContext } from "./flow_context.ts";
import type { Source, Sources, Taker } from "./sources.ts";

/** The records of one source in a batch. */
export interface Admitted {
  readonly source: Source;
  readonly takers: readonly Taker[];
  /** Places of the new records; undefined: all of the batch. */
  readonly places: number[] | undefined;
}

/** What the admission depends on. */
export interface AdmissionInputs {
  readonly context: FlowContext;
  readonly sources: Sources;
  readonly takersOf: (source: Source) => readonly Taker[];
  /** The source that the router asked for the batch; undefined: it was pushed. */
  readonly pulledFrom: string | undefined;
  /** Records of the batch for which there is credit: the first ones. */
  readonly credit: number;
  /** Bytes of the batch. */
  readonly bytes: number;
  readonly nowMs: number;
  /** Until when what is refused may be sent again. */
  readonly holdUntilMs: number;
}

/** What may be taken from one source now. */
interface Turn {
  readonly source: Source | undefined;
  readonly takers: readonly Taker[];
  /** Why nothing may be taken, if so. */
  readonly refusal: Rejection;
  room: number;
  /** New records, and copies of those under way, that were taken. */
  fresh: number;
  copies: number;
}

/** Admits the records of `intake`; `slots` gets those of the new ones. The first is whose bytes count. */
export function admit(
  inputs: AdmissionInputs,
  intake: Intake,
  slots: Uint32Array,
): readonly Admitted[] {
  const { ids, count } = intake;
  const { sourceIds, partitions, sequenceLows, sequenceHighs } = ids;
  const { context: { tracker }, sources, credit, nowMs, pulledFrom } = inputs;
  const turns = new Map<string, Turn>();
  let sourceId: string | undefined;
  let turn: Turn | undefined;
  for (let place = 0; place < count; place++) {
    if (sourceIds[place] !== sourceId) {
      sourceId = sourceIds[place]!;
      turn = turns.get(sourceId);
      if (turn === undefined) {
        turn = beginTurn(inputs, sourceId);
        turns.set(sourceId, turn);
      }
    }
    const { source, room } = turn!;
    const window = source &&
      sources.window(source, partitions[place]!, nowMs);
    if (window === undefined || place >= credit || room === 0) {
      if (pulledFrom !== undefined) {
        refuseRest(inputs, turn!, intake, place);
        break;
      }
      refuse(inputs, turn!, window, intake, place);
      continue;
    }
    const found = window.admit(
      sequenceLows[place]!,
      sequenceHighs[place]!,
      tracker.nextSlot,
    );
    if (found === newRecord) {
      slots[place] = tracker.take(intake, place, window, turn!.takers.length);
      turn!.room--;
      turn!.fresh++;
    } else known(inputs, turn!, found, intake, place);
  }
  return admittedOf(inputs, turns, intake, slots);
}

function admittedOf(
  { context: { buffer } }: AdmissionInputs,
  turns: ReadonlyMap<string, Turn>,
  { count, ids }: Intake,
  slots: Uint32Array,
): readonly Admitted[] {
  const admitted: Admitted[] = [];
  for (const [sourceId, { source, takers, fresh, copies }] of turns) {
    if (fresh + copies > 0) {
      buffer.addRecords(source!.account, fresh + copies);
    }
    if (fresh === 0) continue;
    let places: number[] | undefined;
    if (fresh < count) {
      places = [];
      for (let place = 0; place < count; place++) {
        if (slots[place] !== 0 && ids.sourceIds[place] === sourceId) {
          places.push(place);
        }
      }
    }
    admitted.push({ source: source!, takers, places });
  }
  return admitted;
}

function beginTurn(inputs: AdmissionInputs, sourceId: string): Turn {
  const { context: { buffer }, sources, takersOf, bytes } = inputs;
  const isForeign = inputs.pulledFrom !== undefined &&
    inputs.pulledFrom !== sourceId;
  const source = sourceId === "" || isForeign
    ? undefined
    : sources.get(sourceId);
  const takers = source === undefined ? [] : takersOf(source);
  let refusal = Rejection.None;
  if (sourceId === "") refusal = Rejection.NoIdentity;
  else if (isForeign) refusal = Rejection.ForeignSource;
  else if (source === undefined) refusal = Rejection.TooManyPartitions;
  else if (takers.length === 0) refusal = Rejection.NoPipeline;
  else if (bytes > buffer.bounds.bytesMax) refusal = Rejection.TooLarge;
  else if (!buffer.fits(source.account, bytes)) refusal = Rejection.NoRoom;
  const room = source === undefined || refusal !== Rejection.None
    ? 0
    : buffer.recordRoom(source.account);
  return { source, takers, refusal, room, fresh: 0, copies: 0 };
}

/** The record is not taken. */
function refuse(
  inputs: AdmissionInputs,
  { source, refusal, room }: Turn,
  window: PartitionWindow | undefined,
  intake: Intake,
  place: number,
): void {
  const { context: { tracker }, sources, credit, holdUntilMs } = inputs;
  let reason = refusal;
  if (window === undefined) {
    sources.refused(source, holdUntilMs);
    reason ||= Rejection.TooManyPartitions;
  } else {
    const { sequenceLows, sequenceHighs } = intake.ids;
    window.refuse(sequenceLows[place]!, sequenceHighs[place]!, holdUntilMs);
    sources.holdRefused(window);
    if (place >= credit) reason ||= Rejection.NoCredit;
    else if (room === 0) reason ||= Rejection.NoRoom;
  }
  tracker.answer(intake, place, Outcome.Rejected, reason);
}

/**
 * The record was asked for, and is not taken: it is asked for again, with all from it on. None behind it
 * is taken, or that would be settled first, and the offset pass this one.
 */
function refuseRest(
  { context: { tracker } }: AdmissionInputs,
  { source, refusal, room }: Turn,
  intake: Intake,
  from: number,
): void {
  const noRoom = source !== undefined && room === 0
    ? Rejection.NoRoom
    : Rejection.TooManyPartitions;
  for (let place = from; place < intake.count; place++) {
    tracker.answer(intake, place, Outcome.Rejected, refusal || noRoom);
  }
}

/** The record is settled, or under way as `found`. */
function known(
  { context: { tracker, counters } }: AdmissionInputs,
  turn: Turn,
  found: number,
  intake: Intake,
  place: number,
): void {
  if (found === settledRecord) {
    return tracker.answer(intake, place, Outcome.Duplicate);
  }
  turn.room--;
  turn.copies++;
  tracker.join(found, intake, place);
  counters.joined++;
}
