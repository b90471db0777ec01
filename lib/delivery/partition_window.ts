/**
 * What is known of the records of one partition: up to where all are settled, and of each later one
 * whether it is in flight, settled before its turn, or was refused. It tells a duplicate from a
 * record to process, exactly over uint64, and gives the offset that may be committed: the offset
 * never passes a record that is in flight, nor, for a while, one that was refused, since a refused
 * record may be sent again and would then be taken for a duplicate.
 *
 * Records mostly come in rising order and settle nearly so: both are a few steps here. What lies
 * settled or refused behind a record that takes long is merged into runs, so that the window is as
 * large as what is in flight and not as what has passed.
 */
import { invariant } from "../invariant.ts";
import {
  windowEntriesAtFirst,
  windowEntriesKept,
  windowRefusedKept,
} from "../limits.ts";
import type { SourceAccount } from "./buffer.ts";

/** The record is new, and now in flight. */
export const newRecord = 0;
/** The record is settled. */
export const settledRecord = -1;

// States of entries; a smaller value is the slot of a record in flight.
const settled = 0xffff_ffff;
/** Settled, as everything between the entry before and this one. */
const settledRun = 0xffff_fffe;
/** Settled, and between the entry before and this one are both settled and refused ones. */
const mixedRun = 0xffff_fffd;
/** Refused, as everything between the entry before and this one. */
const refusedRun = 0xffff_fffc;
const refused = 0xffff_fffb;

/** Which neighbours become one run; with both, settled ones are processed again when they come again. */
type Merge = "settled" | "refused" | "both";

/** Whom a window tells that a record in flight has another entry now. */
export interface EntryOwner {
  entryMoved(slot: number, entry: number): void;
}

/** The window of one partition. */
export class PartitionWindow {
  readonly account: SourceAccount;
  readonly partition: number;
  /** The sequence number up to which all is settled, while `begun`. */
  low = 0;
  high = 0;
  begun = false;
  /** Whether that has been raised since whoever commits offsets looked last. */
  raised = false;
  /** Whether the offset is being committed. */
  committing = false;
  /** The entry of the record that `admit` found new. */
  entry = 0;
  /** Refused records hold the offset back until then; Infinity: until they come again, from the offset on. */
  refusedUntilMs = 0;
  readonly #owner: EntryOwner;
  // A ring of entries in rising order of their sequence numbers. An entry is known by a count from head
  // to tail, which may be negative, or taken modulo 2^32: its place in the ring is the count under the mask.
  #lows: Uint32Array = new Uint32Array(windowEntriesAtFirst);
  #highs: Uint32Array = new Uint32Array(windowEntriesAtFirst);
  #states: Uint32Array = new Uint32Array(windowEntriesAtFirst);
  #mask = windowEntriesAtFirst - 1;
  #head = 0;
  #tail = 0;
  #inFlight = 0;
  /** Refused records may lie between the entries until then; 0: none do. */
  #gapsUntilMs = 0;

  /** `committed` is the offset that the partition has, if it has one. */
  constructor(
    account: SourceAccount,
    partition: number,
    owner: EntryOwner,
    committed: bigint | undefined,
  ) {
    this.account = account;
    this.partition = partition;
    this.#owner = owner;
    if (committed !== undefined) this.raise(committed);
  }

  /** Up to where all is settled, if anything is. */
  get offset(): bigint | undefined {
    return this.begun ? BigInt(this.high) << 32n | BigInt(this.low) : undefined;
  }

  /** Whether nothing of the partition is known beyond its offset. */
  get isEmpty(): boolean {
    return this.#head === this.#tail && this.#gapsUntilMs === 0;
  }

  /** How many entries the window has: what it costs to keep. */
  get entries(): number {
    return this.#tail - this.#head;
  }

  /**
   * Takes up the record with this sequence number, to be known as `slot`: `newRecord`,
   * `settledRecord`, or the slot under which the same record is in flight already.
   */
  admit(low: number, high: number, slot: number): number {
    const tail = this.#tail;
    const last = tail - 1 & this.#mask;
    if (
      this.begun &&
        !(high > this.high || high === this.high && low > this.low) ||
      tail !== this.#head &&
        !(high > this.#highs[last]! ||
          high === this.#highs[last]! && low > this.#lows[last]!)
    ) return this.#admitEarlier(low, high, slot);
    this.#append(low, high, slot);
    this.#inFlight++;
    return newRecord;
  }

  /** The record with this entry is settled. Whether `raised` has become true by it. */
  settle(entry: number): boolean {
    const mask = this.#mask;
    this.#inFlight--;
    this.#states[entry & mask] = settled;
    return (this.#head & mask) === (entry & mask) && this.#advance(0);
  }

  /** The record with this entry is given up: it may be sent again until then. */
  giveBack(entry: number, untilMs: number): void {
    this.#inFlight--;
    this.#states[entry & this.#mask] = refused;
    this.refusedUntilMs = Math.max(this.refusedUntilMs, untilMs);
  }

  /** The record with this sequence number was refused: it may be sent again until then. */
  refuse(low: number, high: number, untilMs: number): void {
    if (this.#isSettled(low, high)) return;
    this.#reserve();
    const entry = this.#find(low, high);
    const state = this.#states[entry & this.#mask]!;
    if (entry === this.#tail) this.#append(low, high, refused);
    else if (
      !this.#isAt(entry, low, high) && state !== settledRun &&
      state !== mixedRun && state !== refusedRun
    ) this.#insert(entry, low, high, refused);
    this.refusedUntilMs = Math.max(this.refusedUntilMs, untilMs);
  }

  /**
   * Records were refused of which the window, which is new, knows nothing: until then whatever it does
   * not know may be sent again, and the offset stays.
   */
  refusedBefore(untilMs: number): void {
    this.#gapsUntilMs = untilMs;
  }

  /** Whether refused records hold the offset back, now or once what is before them is settled. */
  get holdsRefused(): boolean {
    if (this.#gapsUntilMs > 0) return true;
    for (let entry = this.#head; entry < this.#tail; entry++) {
      if (holdsBack(this.#states[entry & this.#mask]!)) return true;
    }
    return false;
  }

  /** Passes over refused records whose time is over. Whether `raised` has become true by it. */
  expire(nowMs: number): boolean {
    if (nowMs >= this.#gapsUntilMs) this.#gapsUntilMs = 0;
    return this.#advance(nowMs);
  }

  /** All up to `offset` counts as settled: somebody else has committed it. */
  raise(offset: bigint): void {
    const low = Number(offset & 0xffff_ffffn);
    const high = Number(offset >> 32n);
    if (this.#isSettled(low, high)) return;
    this.low = low;
    this.high = high;
    this.begun = true;
    this.#advance(0);
  }

  #isSettled(low: number, high: number): boolean {
    return this.begun &&
      (high < this.high || high === this.high && low <= this.low);
  }

  #admitEarlier(low: number, high: number, slot: number): number {
    this.#reserve();
    const entry = this.#find(low, high);
    const at = entry & this.#mask;
    const found = entry !== this.#tail && this.#isAt(entry, low, high);
    if (found && this.#states[at]! < refused) return this.#states[at]!;
    if (this.#isSettled(low, high)) return settledRecord;
    if (entry !== this.#tail) {
      const state = this.#states[at]!;
      if (state === settledRun || found && state === settled) {
        return settledRecord;
      }
    }
    this.#inFlight++;
    if (entry === this.#tail) {
      this.#append(low, high, slot);
      return newRecord;
    }
    const state = this.#states[at];
    const target = state === refusedRun || state === mixedRun
      ? this.#cutRun(entry, low, high)
      : entry;
    if (found) {
      this.#states[target & this.#mask] = slot;
      this.entry = target;
    } else this.#insert(target, low, high, slot);
    return newRecord;
  }

  /** Ends the run of refused records at `entry` before this one, which is of it; returns where the rest is. */
  #cutRun(entry: number, low: number, high: number): number {
    if (low === 0 && high === 0) return entry;
    // What comes again from the offset on leaves nothing out: what is not between is no more.
    if (this.refusedUntilMs === Infinity) return entry;
    const beforeLow = low === 0 ? 0xffff_ffff : low - 1;
    const beforeHigh = low === 0 ? high - 1 : high;
    const isFirst = entry === this.#head
      ? this.#isSettled(beforeLow, beforeHigh)
      : this.#isAt(entry - 1, beforeLow, beforeHigh);
    if (isFirst) return entry;
    this.#insert(entry, beforeLow, beforeHigh, refusedRun);
    return this.entry + 1;
  }

  /** The first entry that is not below the sequence number, or the tail. */
  #find(low: number, high: number): number {
    let from = this.#head;
    let to = this.#tail;
    while (from < to) {
      const middle = Math.floor((from + to) / 2);
      const at = middle & this.#mask;
      if (
        this.#highs[at]! < high ||
        this.#highs[at] === high && this.#lows[at]! < low
      ) from = middle + 1;
      else to = middle;
    }
    return from;
  }

  #isAt(entry: number, low: number, high: number): boolean {
    const at = entry & this.#mask;
    return this.#lows[at] === low && this.#highs[at] === high;
  }

  #append(low: number, high: number, state: number): void {
    this.#reserve();
    const entry = this.#tail++;
    const at = entry & this.#mask;
    this.#lows[at] = low;
    this.#highs[at] = high;
    this.#states[at] = state;
    this.entry = entry;
  }

  /** Makes room for two more entries: before one is looked for, as what it is found in must not be merged. */
  #reserve(): void {
    if (this.#tail - this.#head >= this.#mask) this.#makeRoom();
  }

  /** Puts an entry before that one, for a record that comes late: the fewer of the others move. */
  #insert(before: number, low: number, high: number, state: number): void {
    const isNearHead = before - this.#head < this.#tail - before;
    const entry = isNearHead ? before - 1 : before;
    if (isNearHead) {
      for (let to = --this.#head; to < entry; to++) this.#move(to + 1, to);
    } else {
      for (let to = this.#tail++; to > entry; to--) this.#move(to - 1, to);
    }
    const at = entry & this.#mask;
    this.#lows[at] = low;
    this.#highs[at] = high;
    this.#states[at] = state;
    this.entry = entry;
  }

  #move(from: number, to: number): void {
    const source = from & this.#mask;
    const target = to & this.#mask;
    const state = this.#states[source]!;
    this.#lows[target] = this.#lows[source]!;
    this.#highs[target] = this.#highs[source]!;
    this.#states[target] = state;
    if (state < refused) this.#owner.entryMoved(state, to);
  }

  /**
   * Moves the head over what is settled, and over what was refused if its time is over. The offset is
   * raised by what is settled alone: what was refused and never came again is passed with what is
   * settled behind it, or else forgotten.
   */
  #advance(nowMs: number): boolean {
    const before = this.raised;
    if (nowMs < this.#gapsUntilMs) return false;
    while (this.#head !== this.#tail) {
      const at = this.#head & this.#mask;
      const state = this.#states[at]!;
      if (state < refused) break;
      const entryLow = this.#lows[at]!;
      const entryHigh = this.#highs[at]!;
      const passed = this.#isSettled(entryLow, entryHigh);
      const isHeld = holdsBack(state);
      if (isHeld && !passed && nowMs < this.refusedUntilMs) break;
      this.#head++;
      if (passed || isHeld && state !== mixedRun) continue;
      this.low = entryLow;
      this.high = entryHigh;
      this.begun = this.raised = true;
    }
    if (this.#head === this.#tail) this.#forget();
    return this.raised && !before;
  }

  /** Nothing is left: counts begin anew, and room that one burst needed is let go. */
  #forget(): void {
    this.#head = this.#tail = 0;
    if (this.#mask >= windowEntriesKept) this.#resize(windowEntriesKept);
  }

  /** Merges what can be merged; more room only where what is in flight or refused needs it. */
  #makeRoom(): void {
    for (const what of ["settled", "refused", "both"] as const) {
      const isFull = this.entries * 2 > this.#mask &&
        this.#inFlight * 4 < this.#mask && this.#mask >= windowRefusedKept;
      if (what === "settled" || isFull) this.#compact(what);
    }
    if (this.entries * 2 > this.#mask) this.#resize((this.#mask + 1) * 2);
  }

  /** Merges neighbours into runs, of each kind by itself or, at last, both. */
  #compact(what: Merge): void {
    let to = this.#head;
    for (let from = this.#head; from < this.#tail; from++) {
      const state = this.#states[from & this.#mask]!;
      const isFirst = to === this.#head;
      const before = isFirst ? undefined : this.#states[to - 1 & this.#mask]!;
      // A run of refused ones begins behind the entry before it: the first of them all stays by itself.
      const run = to === this.#head + 1 && before === refused
        ? undefined
        : mergedState(before, state, what, this.#gapsUntilMs > 0);
      if (run === undefined) {
        if (to !== from) this.#move(from, to);
        to++;
        continue;
      }
      const at = to - 1 & this.#mask;
      this.#lows[at] = this.#lows[from & this.#mask]!;
      this.#highs[at] = this.#highs[from & this.#mask]!;
      this.#states[at] = run;
    }
    this.#tail = to;
  }

  #resize(capacity: number): void {
    const mask = capacity - 1;
    invariant(this.entries <= capacity, "a window does not fit its room");
    const [lows, highs, states] = [this.#lows, this.#highs, this.#states];
    const oldMask = this.#mask;
    this.#lows = new Uint32Array(capacity);
    this.#highs = new Uint32Array(capacity);
    this.#states = new Uint32Array(capacity);
    this.#mask = mask;
    for (let entry = this.#head; entry < this.#tail; entry++) {
      this.#lows[entry & mask] = lows[entry & oldMask]!;
      this.#highs[entry & mask] = highs[entry & oldMask]!;
      this.#states[entry & mask] = states[entry & oldMask]!;
    }
  }
}

/** What two neighbours are together; undefined: they stay two. */
function mergedState(
  before: number | undefined,
  state: number,
  what: Merge,
  hasGaps: boolean,
): number | undefined {
  if (before === undefined || before < refused || state < refused) {
    return undefined;
  }
  if (!holdsBack(before) && !holdsBack(state)) {
    return hasGaps ? mixedRun : settledRun;
  }
  if (what === "settled") return undefined;
  if (state > refusedRun) return what === "both" ? mixedRun : undefined;
  return before <= refusedRun ? refusedRun : undefined;
}

/** Whether there are refused ones among what has this state. */
function holdsBack(state: number): boolean {
  return state >= refused && state <= mixedRun;
}
