/**
 * The offsets of sources: up to where every record of a partition is settled. They only rise; a
 * lower one is told to its proposer and changes nothing. One command raises many. What a node pulled
 * is raised only while it owns the partition.
 */
import type {
  CommitOffsets,
  SnapshotEntry,
} from "../../proto/messages/state.ts";
import {
  offsetEntries,
  OffsetTables,
  type PartitionOffset,
} from "./offset_tables.ts";
import type { PartitionTable } from "./partition_table.ts";
import {
  badOffsets,
  raiseOffsets,
  type RaiseRequest,
} from "./raise_offsets.ts";
import { done } from "./rules.ts";
import type {
  Aggregate,
  AppliedAt,
  Outcome,
  SnapshotEntries,
  StateEvent,
} from "./types.ts";

/** Number of the field `offsets` of SnapshotEntry. */
const entryField = 3;

/** Whether a node owns a partition of a source at a generation. */
export type Owns = (
  nodeId: number,
  generation: number,
  sourceId: string,
  partition: number,
) => boolean;

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

  commit(command: CommitOffsets, { atMs }: AppliedAt, owns: Owns): Outcome {
    const { sources, nodeId } = command;
    const events: StateEvent[] = [];
    const request: RaiseRequest = {
      tables: this.#tables,
      sources,
      atMs,
      keyOf: (sourceId) => sourceId,
      mayRaise: ({ sourceId, pullGeneration }, partition) =>
        pullGeneration === 0 ||
        owns(nodeId, pullGeneration, sourceId, partition),
      raised: (sourceId, partitions) =>
        events.push({ kind: "offsetsCommitted", sourceId, partitions }),
    };
    return badOffsets(request) ??
      done(events, { offsets: raiseOffsets(request) });
  }

  freeze(epoch: number): SnapshotEntries {
    return entriesOf(this.#tables.freeze(epoch));
  }

  load({ offsets }: SnapshotEntry): boolean {
    if (!offsets) return false;
    this.#tables.load(offsets.sourceId, offsets);
    return true;
  }
}

function* entriesOf(
  tables: Iterable<[string, PartitionTable]>,
): SnapshotEntries {
  for (const [sourceId, table] of tables) {
    yield* offsetEntries(entryField, { sourceId, groupId: "" }, table);
  }
}
