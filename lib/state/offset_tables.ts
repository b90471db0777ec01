/**
 * Offsets of partitions, by source: they only rise. A million of them take some 30 MB, since each is
 * a row of four words in a PartitionTable and no object.
 */
import { snapshotPartitions } from "../limits.ts";
import { WireWriter } from "../../proto/wire_writer.ts";
import type { OffsetTable } from "../../proto/messages/state.ts";
import { OrderedTable } from "./ordered_table.ts";
import { PartitionTable } from "./partition_table.ts";
import {
  compareUint64,
  putUint64,
  putWhole,
  uint64Of,
  wholeOf,
} from "./words.ts";

/** What is committed of a partition. */
export interface PartitionOffset {
  readonly partition: number;
  /** Sequence number up to which, itself included, every record is settled. */
  readonly offset: bigint;
  /** When it was committed, ms since 1970 by the leader's clock. */
  readonly committedAtMs: number;
}

/** Words of a row: the offset, low and high, then the time in ms, low and high. */
const rowWords = 4;
const offsetAt = 0;
const timeAt = 2;

/** A row about to be written, and one that was read. */
const fresh = new Uint32Array(rowWords);
const known = new Uint32Array(rowWords);

/** Tables of offsets by a key, which stands for a source or for a source as a group sees it. */
export class OffsetTables {
  readonly #tables: OrderedTable<PartitionTable> = new OrderedTable();
  #epoch = 0;
  #size = 0;

  /** Partitions with an offset, over all keys. */
  get size(): number {
    return this.#size;
  }

  /** Raises an offset, unless the committed one is higher or equal. */
  raise(
    key: string,
    partition: number,
    offset: bigint,
    atMs: number,
  ): "raised" | "same" | "lower" {
    putUint64(fresh, offsetAt, offset);
    const table = this.#tables.get(key);
    if (table?.get(partition, known)) {
      const order = compareUint64(fresh, known, offsetAt);
      if (order <= 0) return order < 0 ? "lower" : "same";
    } else this.#size++;
    putWhole(fresh, timeAt, atMs);
    this.#writable(key, table).set(partition, fresh);
    return "raised";
  }

  /** What is committed of a partition. */
  get(key: string, partition: number): PartitionOffset | undefined {
    const table = this.#tables.get(key);
    return table?.get(partition, known) ? rowOf(partition, known) : undefined;
  }

  /** What is committed of the partitions of a key, in their order. */
  list(key: string): PartitionOffset[] {
    const table = this.#tables.get(key);
    return table ? rowsOf(table) : [];
  }

  /** How many of `partitions` have no offset yet. */
  missing(key: string, partitions: readonly number[]): number {
    const table = this.#tables.get(key);
    if (!table) return new Set(partitions).size;
    return new Set(partitions.filter((each) => !table.get(each, known))).size;
  }

  /** The keys that start with `prefix`, in their order, each with its offsets. */
  *withPrefix(prefix: string): Generator<[string, PartitionOffset[]]> {
    for (const [key, table] of this.#tables.entriesFrom(prefix)) {
      if (!key.startsWith(prefix)) return;
      yield [key, rowsOf(table)];
    }
  }

  /** The keys with their rows as they are now; later writes belong to `epoch`. */
  freeze(epoch: number): Iterable<[string, PartitionTable]> {
    this.#epoch = epoch;
    return this.#tables.fork().entries();
  }

  /** Takes rows that `offsetEntries` wrote. */
  load(key: string, entry: OffsetTable): void {
    const { partitions, offsets, committedAtMs } = entry;
    const table = this.#writable(key, this.#tables.get(key));
    const before = table.size;
    let partition = 0;
    for (let i = 0; i < partitions.length; i++) {
      partition += partitions[i]!;
      putUint64(fresh, offsetAt, offsets[i]!);
      putUint64(fresh, timeAt, committedAtMs[i]!);
      table.set(partition, fresh);
    }
    this.#size += table.size - before;
  }

  /** The table of a key, as one that may be written to in this epoch. */
  #writable(key: string, table: PartitionTable | undefined): PartitionTable {
    if (table?.epoch === this.#epoch) return table;
    const own = table?.fork(this.#epoch) ??
      new PartitionTable(rowWords, this.#epoch);
    this.#tables.set(key, own);
    return own;
  }
}

function rowOf(partition: number, words: Uint32Array): PartitionOffset {
  return {
    partition,
    offset: uint64Of(words[offsetAt]!, words[offsetAt + 1]!),
    committedAtMs: wholeOf(words[timeAt]!, words[timeAt + 1]!),
  };
}

function rowsOf(table: PartitionTable): PartitionOffset[] {
  const words = new Uint32Array(rowWords);
  const rows: PartitionOffset[] = [];
  for (const partition of table.walk(words)) rows.push(rowOf(partition, words));
  return rows;
}

/** Whose offsets an entry of a snapshot has. */
export interface OffsetOwner {
  readonly sourceId: string;
  /** Empty: the source's own. */
  readonly groupId: string;
}

/** The rows that make up one entry of a snapshot, and the row read last. */
const entryPartitions = new Uint32Array(snapshotPartitions);
const entryWords = new Uint32Array(snapshotPartitions * rowWords);

/**
 * The rows of a table as SnapshotEntry messages, their OffsetTable being field `field`. Written by
 * hand, since there may be a million rows: the codec would make two bigints of each.
 */
export function* offsetEntries(
  field: number,
  owner: OffsetOwner,
  table: PartitionTable,
): Generator<Uint8Array> {
  const words = new Uint32Array(rowWords);
  const rows = table.walk(words);
  for (let left = table.size; left > 0; left -= snapshotPartitions) {
    const count = Math.min(left, snapshotPartitions);
    // Filled and written without a pause in between: the arrays are shared by all tables.
    for (let i = 0; i < count; i++) {
      entryPartitions[i] = rows.next().value!;
      entryWords.set(words, i * rowWords);
    }
    yield entryOf(field, owner, count);
  }
}

/** The key of a field that is a string or packed values. */
const delimited = (field: number): number => field << 3 | 2;

function entryOf(
  field: number,
  { sourceId, groupId }: OffsetOwner,
  count: number,
): Uint8Array {
  const chars = sourceId.length + groupId.length;
  const writer = new WireWriter(64 + 3 * chars + 16 * count);
  writer.uint32(delimited(field)).fork();
  writer.uint32(delimited(1)).string(sourceId);
  writer.uint32(delimited(2)).fork();
  let before = 0;
  for (let i = 0; i < count; i++) {
    writer.uint32(entryPartitions[i]! - before);
    before = entryPartitions[i]!;
  }
  writer.ldelim();
  writeColumn(writer, 3, offsetAt, count);
  writeColumn(writer, 4, timeAt, count);
  if (groupId !== "") writer.uint32(delimited(5)).string(groupId);
  return writer.ldelim().finish();
}

/** The uint64 at `at` of each row, as packed field `field`. */
function writeColumn(
  writer: WireWriter,
  field: number,
  at: number,
  count: number,
): void {
  writer.uint32(delimited(field)).fork();
  for (let i = at; i < count * rowWords; i += rowWords) {
    const low = entryWords[i]!;
    const high = entryWords[i + 1]!;
    // A whole number that is exact is written faster than a bigint.
    writer.uint64(high < 0x20_0000 ? wholeOf(low, high) : uint64Of(low, high));
  }
  writer.ldelim();
}
