/**
 * The offsets that groups have committed. They only rise, and a member commits only under the
 * present generation of its group, so that one which lost its partitions cannot speak for them.
 */
import { Code } from "../errors.ts";
import type {
  CommitGroupOffsets,
  SnapshotEntry,
} from "../../proto/messages/state.ts";
import {
  offsetEntries,
  OffsetTables,
  type PartitionOffset,
} from "./offset_tables.ts";
import { pairKey, pairOf, pairPrefix } from "./pair_key.ts";
import type { PartitionTable } from "./partition_table.ts";
import {
  badOffsets,
  raiseOffsets,
  type RaiseRequest,
} from "./raise_offsets.ts";
import { badId, done, notFound, refuse } from "./rules.ts";
import type { GroupsView } from "./groups.ts";
import type {
  Aggregate,
  AppliedAt,
  Outcome,
  Refused,
  SnapshotEntries,
  StateEvent,
} from "./types.ts";

/** Number of the field `group_offsets` of SnapshotEntry. */
const entryField = 6;

/** What may be asked of the offsets of groups. */
export interface GroupOffsetsView {
  /** Partitions with an offset, over all groups and sources. */
  readonly size: number;
  /** What a group has committed, by source, in order of the sources' ids. */
  list(groupId: string): Map<string, readonly PartitionOffset[]>;
  /** What a group has committed of one source. */
  listOf(groupId: string, sourceId: string): readonly PartitionOffset[];
}

/** The offsets, by group, source and partition. */
export class GroupOffsets implements Aggregate, GroupOffsetsView {
  readonly #tables: OffsetTables = new OffsetTables();

  get size(): number {
    return this.#tables.size;
  }

  list(groupId: string): Map<string, readonly PartitionOffset[]> {
    const found = new Map<string, readonly PartitionOffset[]>();
    for (const [key, rows] of this.#tables.withPrefix(pairPrefix(groupId))) {
      found.set(pairOf(key)[1], rows);
    }
    return found;
  }

  listOf(groupId: string, sourceId: string): readonly PartitionOffset[] {
    return this.#tables.list(pairKey(groupId, sourceId));
  }

  commit(
    command: CommitGroupOffsets,
    { atMs }: AppliedAt,
    groups: GroupsView,
  ): Outcome {
    const { groupId, sources } = command;
    const events: StateEvent[] = [];
    const request: RaiseRequest = {
      tables: this.#tables,
      sources,
      atMs,
      keyOf: (sourceId) => pairKey(groupId, sourceId),
      mayRaise: () => true,
      raised: (sourceId, partitions) =>
        events.push({
          kind: "groupOffsetsCommitted",
          groupId,
          sourceId,
          partitions,
        }),
    };
    return badId("group_id", groupId) ?? badGeneration(command, groups) ??
      badOffsets(request) ?? done(events, { offsets: raiseOffsets(request) });
  }

  freeze(epoch: number): SnapshotEntries {
    return entriesOf(this.#tables.freeze(epoch));
  }

  load({ groupOffsets }: SnapshotEntry): boolean {
    if (!groupOffsets) return false;
    const { groupId, sourceId } = groupOffsets;
    this.#tables.load(pairKey(groupId, sourceId), groupOffsets);
    return true;
  }
}

function* entriesOf(
  tables: Iterable<[string, PartitionTable]>,
): SnapshotEntries {
  for (const [key, table] of tables) {
    const [groupId, sourceId] = pairOf(key);
    yield* offsetEntries(entryField, { groupId, sourceId }, table);
  }
}

/** A member commits under the present generation. */
function badGeneration(
  { groupId, memberId, generation }: CommitGroupOffsets,
  groups: GroupsView,
): Refused | undefined {
  if (memberId === "" && generation === 0) return undefined;
  const group = groups.get(groupId);
  if (!group) return notFound("group_id", "group", groupId);
  if (memberId !== "" && !groups.member(groupId, memberId)) {
    return refuse(
      Code.FailedPrecondition,
      "member_id",
      `must be a member of group "${groupId}"`,
      memberId,
    );
  }
  if (generation === group.generation) return undefined;
  return refuse(
    Code.FailedPrecondition,
    "generation",
    `must be ${group.generation}, the generation of group "${groupId}"`,
    generation,
  );
}
