/**
 * The offsets of sources: up to where every record of a partition is settled. They only rise; a
 * lower one is told to its proposer and changes nothing. One command raises many.
 */
import { Code } from "../errors.ts";
import { partitionOffsetsMax } from "../limits.ts";
import type {
  CommitOffsets,
  SnapshotEntry,
  SourceOffsets,
} from "../../proto/messages/state.ts";
import {
  offsetEntries,
  OffsetTables,
  type PartitionOffset,
} from "./offset_tables.ts";
import type { PartitionTable } from "./partition_table.ts";
import { badId, done, noRoomFor, refuse } from "./rules.ts";
import type {
  Aggregate,
  AppliedAt,
  Outcome,
  Refused,
  SnapshotEntries,
  StateEvent,
} from "./types.ts";

/** Number of the field `offsets` of SnapshotEntry. */
const entryField = 3;

/** What may be asked of the offsets. */
export interface OffsetsView {
  /** Partitions with an offset, over all sources. */
  readonly size: number;
  /** What is committed of a partition. */
  get(sourceId: string, partition: number): PartitionOffset | undefined;
  /** What is committed of the partitions of a source, in their order. */
  list(sourceId: string): readonly PartitionOffset[];
}

/** The offsets, by source and partition. */
export class Offsets implements Aggregate, OffsetsView {
  readonly #tables: OffsetTables = new OffsetTables();

  get size(): number {
    return this.#tables.size;
  }

  get(sourceId: string, partition: number): PartitionOffset | undefined {
    return this.#tables.get(sourceId, partition);
  }

  list(sourceId: string): readonly PartitionOffset[] {
    return this.#tables.list(sourceId);
  }

  commit({ sources }: CommitOffsets, { atMs }: AppliedAt): Outcome {
    for (const source of sources) {
      const bad = badId("source_id", source.sourceId) ?? badColumns(source);
      if (bad) return bad;
    }
    if (this.#wouldOverflow(sources)) {
      return noRoomFor("partition", "partitions", partitionOffsetsMax);
    }
    const events: StateEvent[] = [];
    const lower: number[] = [];
    let position = 0;
    for (const { sourceId, partitions, offsets } of sources) {
      const raised: number[] = [];
      for (let i = 0; i < partitions.length; i++, position++) {
        const partition = partitions[i]!;
        const result = this.#tables.raise(
          sourceId,
          partition,
          offsets[i]!,
          atMs,
        );
        if (result === "raised") raised.push(partition);
        else if (result === "lower") lower.push(position);
      }
      if (raised.length > 0) {
        events.push({ kind: "offsetsCommitted", sourceId, partitions: raised });
      }
    }
    return done(events, { offsets: { lower } });
  }

  freeze(epoch: number): SnapshotEntries {
    return entriesOf(this.#tables.freeze(epoch));
  }

  load({ offsets }: SnapshotEntry): boolean {
    if (!offsets) return false;
    this.#tables.load(offsets.sourceId, offsets);
    return true;
  }

  /** Counts exactly only when the bound is near: looking for each partition costs as much again. */
  #wouldOverflow(sources: readonly SourceOffsets[]): boolean {
    let more = 0;
    for (const { partitions } of sources) more += partitions.length;
    if (this.size + more <= partitionOffsetsMax) return false;
    more = 0;
    for (const { sourceId, partitions } of sources) {
      more += this.#tables.missing(sourceId, partitions);
    }
    return this.size + more > partitionOffsetsMax;
  }
}

function* entriesOf(
  tables: Iterable<[string, PartitionTable]>,
): SnapshotEntries {
  for (const [sourceId, table] of tables) {
    yield* offsetEntries(entryField, { sourceId, groupId: "" }, table);
  }
}

/** Each partition has an offset. */
function badColumns(
  { partitions, offsets }: Pick<SourceOffsets, "partitions" | "offsets">,
): Refused | undefined {
  if (partitions.length === offsets.length) return undefined;
  return refuse(
    Code.InvalidArgument,
    "offsets",
    `must have one entry for each of ${partitions.length} partitions`,
    `${offsets.length} entries`,
  );
}
