/**
 * What the records under way take, against the bounds: of each source, and of all. Memory stays
 * within them whatever sources and services do, and a source whose records do not get on leaves room
 * for the others: none may hold more than what is free beside it, so that with n sources stuck there
 * is still an n-th part for the next one.
 */
import { invariant } from "../invariant.ts";

/** The bounds. */
export interface BufferBounds {
  /** Records of all sources that are not settled. */
  readonly recordsMax: number;
  /** Bytes that they, and what transforms made of them, take. */
  readonly bytesMax: number;
  /** The same of one source. */
  readonly sourceRecordsMax: number;
  readonly sourceBytesMax: number;
}

/** What one source has under way; changed by the buffer alone. */
export class SourceAccount {
  readonly sourceId: string;
  /** Records that are not settled. */
  records = 0;
  /** Bytes of its batches that are still needed. */
  bytes = 0;

  constructor(sourceId: string) {
    this.sourceId = sourceId;
  }
}

/** What all sources have under way. */
export class Buffer {
  readonly bounds: BufferBounds;
  records = 0;
  bytes = 0;
  /** Of these, what transforms and lookups made. */
  derivedBytes = 0;

  constructor(bounds: BufferBounds) {
    this.bounds = bounds;
  }

  /** Records that may be taken from a source now. */
  recordRoom(account: SourceAccount): number {
    return Math.max(0, this.#recordsMax(account) - account.records);
  }

  /** Bytes that may be taken from a source now. */
  byteRoom(account: SourceAccount): number {
    return Math.max(0, this.#bytesMax(account) - account.bytes);
  }

  /**
   * Whether a batch of so many bytes may be taken from a source now. One that has nothing under way
   * must get on, however large its batches are: it may pass its own bound, but not that of all.
   */
  fits(account: SourceAccount, bytes: number): boolean {
    if (bytes <= this.byteRoom(account)) return true;
    return account.records === 0 && account.bytes === 0 &&
      bytes <= this.bounds.bytesMax - this.bytes;
  }

  /** How full the bound of a source is: of records or of bytes, whichever is fuller. */
  fraction(account: SourceAccount): number {
    return Math.max(
      fractionOf(account.records, this.#recordsMax(account)),
      fractionOf(account.bytes, this.#bytesMax(account)),
    );
  }

  addRecords(account: SourceAccount, records: number): void {
    account.records += records;
    this.records += records;
  }

  removeRecords(account: SourceAccount, records: number): void {
    account.records -= records;
    this.records -= records;
    invariant(account.records >= 0, "a source has less than no records");
  }

  addBytes(account: SourceAccount, bytes: number): void {
    account.bytes += bytes;
    this.bytes += bytes;
  }

  removeBytes(account: SourceAccount, bytes: number): void {
    account.bytes -= bytes;
    this.bytes -= bytes;
    invariant(account.bytes >= 0, "a source has less than no bytes");
  }

  addDerived(bytes: number): void {
    this.bytes += bytes;
    this.derivedBytes += bytes;
  }

  removeDerived(bytes: number): void {
    this.bytes -= bytes;
    this.derivedBytes -= bytes;
    invariant(this.derivedBytes >= 0, "there are less than no bytes");
  }

  #recordsMax({ records }: SourceAccount): number {
    const { recordsMax, sourceRecordsMax } = this.bounds;
    const free = recordsMax - (this.records - records);
    return Math.min(sourceRecordsMax, Math.floor(free / 2));
  }

  #bytesMax({ bytes }: SourceAccount): number {
    const { bytesMax, sourceBytesMax } = this.bounds;
    const free = bytesMax - (this.bytes - bytes);
    return Math.min(sourceBytesMax, Math.floor(free / 2));
  }
}

function fractionOf(used: number, bound: number): number {
  return used === 0 ? 0 : bound <= 0 ? Infinity : used / bound;
}
