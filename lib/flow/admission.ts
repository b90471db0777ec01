/**
 * Decides for each record of a batch whether it is taken: new records are, within the credit and the
 * room of their source; one that is under way already joins its first copy; one that is settled is a
 * duplicate. What is not taken is rejected with the reason, and may be sent again.
 */
import { type Intake, Outcome } from "../delivery/intake.ts";
import { newRecord, settledRecord } from "../delivery/partition_window.ts";
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
  readonly draining: boolean;
  readonly takersOf: (source: Source) => readonly Taker[];
  /** Whether the router asked for the batch. */
  readonly pulled: boolean;
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
  /** Places of new records. */
  readonly places: number[];
  room: number;
  /** Records taken, copies included. */
  taken: number;
}

/** Admits the records of `intake`; `slots` gets those of the new ones. The first is whose bytes count. */
export function admit(
  inputs: AdmissionInputs,
  intake: Intake,
  slots: Uint32Array,
): readonly Admitted[] {
  const { ids, count } = intake;
  const turns = new Map<string, Turn>();
  let sourceId: string | undefined;
  let turn: Turn | undefined;
  for (let place = 0; place < count; place++) {
    if (ids.sourceIds[place] !== sourceId) {
      sourceId = ids.sourceIds[place]!;
      turn = turns.get(sourceId);
      if (turn === undefined) {
        turn = beginTurn(inputs, sourceId);
        turns.set(sourceId, turn);
      }
    }
    admitOne(inputs, turn!, intake, place, slots);
  }
  const admitted: Admitted[] = [];
  const { context: { buffer } } = inputs;
  for (const { source, takers, places, taken } of turns.values()) {
    if (taken > 0) buffer.addRecords(source!.account, taken);
    if (places.length === 0) continue;
    const all = places.length === count;
    admitted.push({
      source: source!,
      takers,
      places: all ? undefined : places,
    });
  }
  return admitted;
}

function beginTurn(inputs: AdmissionInputs, sourceId: string): Turn {
  const { context: { buffer }, sources, draining, takersOf, bytes } = inputs;
  const source = sourceId === "" ? undefined : sources.get(sourceId);
  const takers = source === undefined ? [] : takersOf(source);
  let refusal = Rejection.None;
  if (sourceId === "") refusal = Rejection.NoIdentity;
  else if (source === undefined) refusal = Rejection.TooManyPartitions;
  else if (draining) refusal = Rejection.Draining;
  else if (takers.length === 0) refusal = Rejection.NoPipeline;
  else if (bytes > buffer.bounds.bytesMax) refusal = Rejection.TooLarge;
  else if (!buffer.fits(source.account, bytes)) refusal = Rejection.NoRoom;
  const room = source === undefined ? 0 : buffer.recordRoom(source.account);
  return { source, takers, refusal, places: [], room, taken: 0 };
}

function admitOne(
  inputs: AdmissionInputs,
  turn: Turn,
  intake: Intake,
  place: number,
  slots: Uint32Array,
): void {
  const { context: { tracker }, sources, nowMs, holdUntilMs } = inputs;
  const { source } = turn;
  const { ids } = intake;
  const partition = ids.partitions[place]!;
  const window = source && sources.window(source, partition, nowMs);
  if (window === undefined) {
    sources.refused(source, holdUntilMs);
    return tracker.answer(
      intake,
      place,
      Outcome.Rejected,
      turn.refusal || Rejection.TooManyPartitions,
    );
  }
  // What is not taken is asked for again, from the offset on: it must not pass that in the meantime.
  if (inputs.pulled) window.refusedUntilMs = Infinity;
  const low = ids.sequenceLows[place]!;
  const high = ids.sequenceHighs[place]!;
  const refusal = turn.refusal ||
    (place >= inputs.credit
      ? Rejection.NoCredit
      : turn.room === 0
      ? Rejection.NoRoom
      : Rejection.None);
  if (refusal !== Rejection.None) {
    window.refuse(low, high, holdUntilMs);
    sources.holdRefused(window);
    return tracker.answer(intake, place, Outcome.Rejected, refusal);
  }
  const found = window.admit(low, high, tracker.nextSlot);
  if (found === settledRecord) {
    return tracker.answer(intake, place, Outcome.Duplicate);
  }
  turn.room--;
  turn.taken++;
  if (found === newRecord) {
    slots[place] = tracker.take(intake, place, window, turn.takers.length);
    turn.places.push(place);
  } else {
    tracker.join(found, intake, place);
    inputs.context.counters.joined++;
  }
}
