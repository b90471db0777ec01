/**
 * Watermarks of partitions: no record with an older event time follows. They only rise. The global
 * one is the lowest over the partitions that still report; one that has been silent for longer than
 * the caller allows is left out, so that an idle partition does not hold back all others.
 */
import { Code } from "../errors.ts";
import { snapshotPartitions, watermarksMax } from "../limits.ts";
import type { Watermark } from "../../proto/messages/common.ts";
import type {
  PartitionWatermark,
  RaiseWatermarks,
  SnapshotEntry,
} from "../../proto/messages/state.ts";
import { OrderedTable } from "./ordered_table.ts";
import { PartitionTable } from "./partition_table.ts";
import { badId, done, noRoomFor, refuse } from "./rules.ts";
import type {
  Aggregate,
  AppliedAt,
  Outcome,
  Refused,
  SnapshotEntries,
  StateEvent,
} from "./types.ts";
import {
  compareUint64,
  putUint64,
  putWhole,
  uint64Of,
  wholeOf,
} from "./words.ts";

/**
 * Words of a row. The time stands first, as what rows are compared by: seconds since the year 1, so
 * that they are never negative, then nanoseconds.
 */
const rowWords = 7;
const secondsAt = 0;
const nanosAt = 2;
const positionAt = 3;
const reportedAt = 5;

/** Seconds from the year 1 to 1970, and to the end of the year 9999. */
const secondsBias = 62_135_596_800n;
const secondsEnd = secondsBias + 253_402_300_800n;
const nanosEnd = 1_000_000_000;

/** A row about to be written, and one that was read. */
const fresh = new Uint32Array(rowWords);
const known = new Uint32Array(rowWords);

/** A watermark that is known. */
export interface KnownWatermark {
  readonly sourceId: string;
  readonly partition: number;
  /** Sequence number that the partition has reached. */
  readonly position: bigint;
  /** No record with an event time before this follows. */
  readonly timestamp: { readonly seconds: bigint; readonly nanos: number };
  /** When it was last reported, ms since 1970 by the leader's clock. */
  readonly reportedAtMs: number;
}

/** What may be asked of the watermarks. */
export interface WatermarksView {
  /** Partitions with a watermark, over all sources. */
  readonly size: number;
  get(sourceId: string, partition: number): KnownWatermark | undefined;
  /** Those of a source, in order of their partition. */
  list(sourceId: string): KnownWatermark[];
  /** Those of all sources, in order of the sources' ids. */
  all(): KnownWatermark[];
  /** The lowest of those reported at or after `activeSinceMs`. */
  global(activeSinceMs: number): KnownWatermark | undefined;
}

/** The watermarks, by source and partition. */
export class Watermarks implements Aggregate, WatermarksView {
  readonly #tables: OrderedTable<PartitionTable> = new OrderedTable();
  #epoch = 0;
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(sourceId: string, partition: number): KnownWatermark | undefined {
    return this.#tables.get(sourceId)?.get(partition, known)
      ? watermarkOf(sourceId, partition, known)
      : undefined;
  }

  list(sourceId: string): KnownWatermark[] {
    const table = this.#tables.get(sourceId);
    return table ? rowsOf(sourceId, table) : [];
  }

  all(): KnownWatermark[] {
    return Array.from(
      this.#tables.entries(),
      ([id, table]) => rowsOf(id, table),
    )
      .flat();
  }

  global(activeSinceMs: number): KnownWatermark | undefined {
    const lowest = new Uint32Array(rowWords);
    const words = new Uint32Array(rowWords);
    let found: { sourceId: string; partition: number } | undefined;
    for (const [sourceId, table] of this.#tables.entries()) {
      for (const partition of table.walk(words)) {
        if (reportedOf(words) < activeSinceMs) continue;
        if (found && compareTimes(words, lowest) >= 0) continue;
        lowest.set(words);
        found = { sourceId, partition };
      }
    }
    return found && watermarkOf(found.sourceId, found.partition, lowest);
  }

  raise({ watermarks }: RaiseWatermarks, { atMs }: AppliedAt): Outcome {
    for (const watermark of watermarks) {
      const bad = badId("source_id", watermark.sourceId) ?? badTime(watermark);
      if (bad) return bad;
    }
    if (this.#wouldOverflow(watermarks)) {
      return noRoomFor("partition", "partitions", watermarksMax);
    }
    const events: StateEvent[] = [];
    const lower: number[] = [];
    watermarks.forEach((watermark, position) => {
      const { sourceId, partition } = watermark;
      putRow(watermark, atMs);
      const result = this.#raise(sourceId, partition);
      if (result === "lower") lower.push(position);
      else if (result === "raised") {
        events.push({ kind: "watermarksRaised", sourceId, partition });
      }
    });
    return done(events, { watermarks: { lower } });
  }

  freeze(epoch: number): SnapshotEntries {
    this.#epoch = epoch;
    return entriesOf(this.#tables.fork());
  }

  load({ watermarks }: SnapshotEntry): boolean {
    if (!watermarks) return false;
    const { sourceId } = watermarks;
    for (const each of watermarks.watermarks) {
      const { seconds, nanos, position } = each;
      putRow({ position, timestamp: { seconds, nanos } }, each.reportedAtMs);
      this.#raise(sourceId, each.partition);
    }
    return true;
  }

  /** Puts the fresh row in place of the known one: time and position rise each for itself. */
  #raise(sourceId: string, partition: number): "raised" | "same" | "lower" {
    const table = this.#tables.get(sourceId);
    let result: "raised" | "same" = "raised";
    if (table?.get(partition, known)) {
      const time = compareTimes(fresh, known);
      const position = compareUint64(fresh, known, positionAt);
      if (time <= 0 && position <= 0) {
        if (time < 0 || position < 0) return "lower";
        // It is reported all the same: its partition is active.
        result = "same";
      }
      if (time < 0) fresh.set(known.subarray(secondsAt, positionAt), secondsAt);
      if (position < 0) {
        fresh.set(known.subarray(positionAt, reportedAt), positionAt);
      }
    } else this.#size++;
    this.#writable(sourceId, table).set(partition, fresh);
    return result;
  }

  #writable(
    sourceId: string,
    table: PartitionTable | undefined,
  ): PartitionTable {
    if (table?.epoch === this.#epoch) return table;
    const own = table?.fork(this.#epoch) ??
      new PartitionTable(rowWords, this.#epoch);
    this.#tables.set(sourceId, own);
    return own;
  }

  #wouldOverflow(watermarks: readonly Watermark[]): boolean {
    if (this.size + watermarks.length <= watermarksMax) return false;
    const fresh = watermarks.filter(({ sourceId, partition }) =>
      !this.#tables.get(sourceId)?.get(partition, known)
    );
    return this.size + fresh.length > watermarksMax;
  }
}

function compareTimes(a: Uint32Array, b: Uint32Array): number {
  return compareUint64(a, b, secondsAt) || a[nanosAt]! - b[nanosAt]!;
}

function reportedOf(words: Uint32Array): number {
  return wholeOf(words[reportedAt]!, words[reportedAt + 1]!);
}

function putRow(
  { position, timestamp }: Pick<Watermark, "position" | "timestamp">,
  atMs: number,
): void {
  const { seconds, nanos } = timestamp!;
  putUint64(fresh, secondsAt, seconds + secondsBias);
  fresh[nanosAt] = nanos;
  putUint64(fresh, positionAt, position);
  putWhole(fresh, reportedAt, atMs);
}

function watermarkOf(
  sourceId: string,
  partition: number,
  words: Uint32Array,
): KnownWatermark {
  const seconds = uint64Of(words[secondsAt]!, words[secondsAt + 1]!);
  return {
    sourceId,
    partition,
    position: uint64Of(words[positionAt]!, words[positionAt + 1]!),
    timestamp: { seconds: seconds - secondsBias, nanos: words[nanosAt]! },
    reportedAtMs: reportedOf(words),
  };
}

function rowsOf(sourceId: string, table: PartitionTable): KnownWatermark[] {
  const words = new Uint32Array(rowWords);
  return Array.from(
    table.walk(words),
    (partition) => watermarkOf(sourceId, partition, words),
  );
}

function* entriesOf(tables: OrderedTable<PartitionTable>): SnapshotEntries {
  const words = new Uint32Array(rowWords);
  for (const [sourceId, table] of tables.entries()) {
    let watermarks: PartitionWatermark[] = [];
    for (const partition of table.walk(words)) {
      const { timestamp, ...rest } = watermarkOf(sourceId, partition, words);
      watermarks.push({ ...rest, ...timestamp });
      if (watermarks.length < snapshotPartitions) continue;
      yield { watermarks: { sourceId, watermarks } };
      watermarks = [];
    }
    if (watermarks.length > 0) yield { watermarks: { sourceId, watermarks } };
  }
}

function badTime({ timestamp }: Watermark): Refused | undefined {
  const seconds = (timestamp?.seconds ?? -secondsBias - 1n) + secondsBias;
  const nanos = timestamp?.nanos ?? -1;
  if (seconds >= 0n && seconds < secondsEnd && nanos >= 0 && nanos < nanosEnd) {
    return undefined;
  }
  return refuse(
    Code.InvalidArgument,
    "watermark.timestamp",
    "must be a time from the year 1 to 9999, with 0 to 999999999 nanoseconds",
    timestamp ? `${timestamp.seconds} s, ${timestamp.nanos} ns` : "nothing",
  );
}
