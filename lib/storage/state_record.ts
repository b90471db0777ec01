/**
 * The record that says what is true of a store: Raft's hard state, where the log begins and ends and
 * which snapshot is the live one. Every change of these is one write of this one value, and every
 * commit of the store rests on it. What else stands in the store is believed only as far as this
 * record tells of it.
 */
import type { HardState } from "../raft/types.ts";
import { openRecord, readInteger, recordKind, seal, unseal } from "./record.ts";

/** What is true of a store. */
export interface StateRecord extends HardState {
  /** The log holds the entries from here ... */
  readonly firstIndex: number;
  /** ... after one of this term (0 when it begins with the first of all) ... */
  readonly baseTerm: number;
  /** ... to here; `firstIndex - 1` when it holds none. */
  readonly lastIndex: number;
  /** Checksum of the last block, 0 without one. */
  readonly lastBlock: number;
  /** Number of the live snapshot, 0 without one. */
  readonly snapshotId: number;
}

/** The state of a store that holds nothing. */
export const emptyState: StateRecord = {
  term: 0,
  vote: 0,
  commit: 0,
  firstIndex: 1,
  baseTerm: 0,
  lastIndex: 0,
  lastBlock: 0,
  snapshotId: 0,
};

/** What stands in its place while a store is being set up: until then all that is there is nothing. */
export const setUpMark: Uint8Array = new Uint8Array(0);

export function isSetUpMark(value: Uint8Array): boolean {
  return value.length === 0;
}

export function encodeState(state: StateRecord): Uint8Array {
  return seal(
    openRecord(recordKind.hardState)
      .uint64(state.term)
      .uint64(state.vote)
      .uint64(state.commit)
      .uint64(state.firstIndex)
      .uint64(state.baseTerm)
      .uint64(state.lastIndex)
      .fixed32(state.lastBlock)
      .uint64(state.snapshotId),
  );
}

export function decodeState(sealed: Uint8Array): StateRecord {
  return unseal(recordKind.hardState, sealed, (body) => ({
    term: readInteger(body),
    vote: readInteger(body),
    commit: readInteger(body),
    firstIndex: readInteger(body),
    baseTerm: readInteger(body),
    lastIndex: readInteger(body),
    lastBlock: body.fixed32(),
    snapshotId: readInteger(body),
  }));
}
