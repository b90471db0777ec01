/**
 * Groups of services that share partitions. Whoever joins, leaves, registers anew, loses its lease or
 * gets it back makes a new generation, and the partitions are shared out anew by registry/group.ts. A
 * generation is the number of the command that made it: it rises over all groups and for ever, also for
 * a group that was gone and is made again. One command makes at most one generation of a group, however
 * many members it touches.
 */
import { Code } from "../errors.ts";
import {
  groupMembersMax,
  groupPartitions,
  groupPartitionsMax,
  groupsMax,
} from "../limits.ts";
import { assignPartitions, partitionMoves } from "../registry/group.ts";
import type {
  Group,
  GroupMember,
  JoinGroup,
  LeaveGroup,
  Pipeline,
  SnapshotEntry,
} from "../../proto/messages/state.ts";
import { NameIndex } from "./name_index.ts";
import { OrderedTable } from "./ordered_table.ts";
import { outlineOf } from "./pipeline_outline.ts";
import type { PipelinesView } from "./pipelines.ts";
import { badId, done, noRoomFor, notFound, refuse } from "./rules.ts";
import type { ServicesView } from "./services.ts";
import type {
  Aggregate,
  AppliedAt,
  Outcome,
  Refused,
  SnapshotEntries,
  StateEvent,
} from "./types.ts";

/** What may be asked of the groups. */
export interface GroupsView {
  readonly size: number;
  get(groupId: string): Readonly<Group> | undefined;
  member(groupId: string, serviceId: string): Readonly<GroupMember> | undefined;
  /** All groups, in order of their id. */
  list(): Readonly<Group>[];
  /** Ids of the groups that a service is a member of, in order. */
  groupsOf(serviceId: string): string[];
}

/** What groups are told of the rest of the state. */
export interface GroupSurroundings {
  readonly services: ServicesView;
  readonly pipelines: PipelinesView;
}

/** The groups, by id. */
export class Groups implements Aggregate, GroupsView {
  readonly #table: OrderedTable<Readonly<Group>> = new OrderedTable();
  readonly #byMember: NameIndex = new NameIndex();
  readonly #byStage: NameIndex = new NameIndex();
  /** Groups whose partitions are to be shared out anew before the command ends. */
  readonly #unsettled: Set<string> = new Set();

  get size(): number {
    return this.#table.size;
  }

  get(groupId: string): Readonly<Group> | undefined {
    return this.#table.get(groupId);
  }

  member(groupId: string, serviceId: string): GroupMember | undefined {
    return memberOf(this.#table.get(groupId), serviceId);
  }

  list(): Readonly<Group>[] {
    return [...this.#table.values()];
  }

  groupsOf(serviceId: string): string[] {
    return this.#byMember.ids(serviceId);
  }

  join(
    command: JoinGroup,
    at: AppliedAt,
    surroundings: GroupSurroundings,
  ): Outcome {
    const { serviceId, groupId, preferences } = command;
    const before = this.#table.get(groupId);
    const bad = this.#badJoin(command, before, surroundings.services);
    if (bad) return bad;
    const member = memberOf(before, serviceId);
    const stageId = command.stageId || (before?.stageId ?? "");
    if (
      member && before?.stageId === stageId &&
      isSameList(member.preferences, preferences)
    ) {
      return done([], { group: shareOf(before, member) });
    }
    this.#byMember.add(serviceId, groupId);
    const assigned = member?.assigned ?? [];
    const others = before?.members.filter((each) => each !== member) ?? [];
    this.#put({
      groupId,
      stageId,
      partitions: 0,
      generation: 0,
      members: [...others, { serviceId, preferences, assigned }]
        .sort((a, b) => a.serviceId < b.serviceId ? -1 : 1),
    });
    const moved = this.#share(groupId, at, surroundings);
    const events = member ? moved : [membersOf(groupId), ...moved];
    const group = this.#table.get(groupId)!;
    return done(events, { group: shareOf(group, memberOf(group, serviceId)!) });
  }

  leave(
    { serviceId, groupId }: LeaveGroup,
    at: AppliedAt,
    surroundings: GroupSurroundings,
  ): Outcome {
    const before = this.#table.get(groupId);
    if (!before) return notFound("group_id", "group", groupId);
    const member = memberOf(before, serviceId);
    if (!member) {
      return notFound("service_id", "member of the group", serviceId);
    }
    const service = surroundings.services.get(serviceId)!;
    const revoked: StateEvent[] = member.assigned.length === 0 ? [] : [{
      kind: "partitionsRevoked",
      groupId,
      service,
      partitions: member.assigned,
      generation: at.index,
    }];
    this.#removeMember(before, serviceId);
    return done([
      membersOf(groupId),
      ...revoked,
      ...this.#share(groupId, at, surroundings),
    ]);
  }

  /** Takes note of what an event means for groups. */
  note(event: StateEvent, pipelines: PipelinesView): void {
    switch (event.kind) {
      case "serviceRemoved": {
        const { serviceId } = event.service.identity;
        for (const id of this.groupsOf(serviceId)) {
          this.#removeMember(this.#table.get(id)!, serviceId);
          this.#unsettled.add(id);
        }
        break;
      }
      case "serviceModified":
      case "serviceHealthChanged": {
        const { service, before } = event;
        // Who was replaced knows the generation, and is to commit no more under it.
        const replaced = service.registrationId !== before.registrationId;
        if (service.expired === before.expired && !replaced) break;
        for (const id of this.groupsOf(service.identity.serviceId)) {
          this.#unsettled.add(id);
        }
        break;
      }
      case "pipelineChanged":
        for (const group of this.#servedBy(event.pipeline, event.before)) {
          if (partitionsOf(group, pipelines) !== group.partitions) {
            this.#unsettled.add(group.groupId);
          }
        }
        break;
    }
  }

  /** Shares out anew what events made necessary. */
  settle(at: AppliedAt, surroundings: GroupSurroundings): StateEvent[] {
    if (this.#unsettled.size === 0) return [];
    const ids = [...this.#unsettled].sort();
    this.#unsettled.clear();
    return ids.flatMap((id) => this.#share(id, at, surroundings));
  }

  freeze(): SnapshotEntries {
    return entriesOf(this.#table.fork());
  }

  load({ group }: SnapshotEntry): boolean {
    if (!group) return false;
    this.#put(group);
    for (const { serviceId } of group.members) {
      this.#byMember.add(serviceId, group.groupId);
    }
    return true;
  }

  /** Makes a new generation of a group, or takes it out when nobody is left. */
  #share(
    groupId: string,
    { index }: AppliedAt,
    { services, pipelines }: GroupSurroundings,
  ): StateEvent[] {
    const before = this.#table.get(groupId)!;
    if (before.members.length === 0) {
      this.#table.delete(groupId);
      this.#byStage.remove(before.stageId, groupId);
      return [];
    }
    const partitions = partitionsOf(before, pipelines);
    const live = before.members.filter(({ serviceId }) =>
      !services.get(serviceId)!.expired
    );
    const shares = assignPartitions(live, partitions);
    const members = before.members.map((member) => {
      const assigned = [...shares.get(member.serviceId) ?? []];
      const same = isSameList(member.assigned, assigned);
      return same ? member : { ...member, assigned };
    });
    this.#table.set(groupId, {
      ...before,
      partitions,
      generation: index,
      members,
    });
    return movesOf(before, members, index, services);
  }

  #put(group: Readonly<Group>): void {
    const before = this.#table.get(group.groupId);
    if (before) this.#byStage.remove(before.stageId, group.groupId);
    this.#byStage.add(group.stageId, group.groupId);
    this.#table.set(group.groupId, group);
  }

  #removeMember(group: Readonly<Group>, serviceId: string): void {
    const members = group.members.filter((each) =>
      each.serviceId !== serviceId
    );
    this.#byMember.remove(serviceId, group.groupId);
    this.#table.set(group.groupId, { ...group, members });
  }

  /** The groups that serve a stage of a pipeline, as it is or as it was. */
  #servedBy(
    pipeline: Readonly<Pipeline>,
    before: Readonly<Pipeline> | undefined,
  ): Readonly<Group>[] {
    const ids = new Set<string>();
    for (const each of before ? [pipeline, before] : [pipeline]) {
      for (const { id } of outlineOf(each).stages) {
        for (const groupId of this.#byStage.ids(id)) ids.add(groupId);
      }
    }
    return [...ids].map((id) => this.#table.get(id)!);
  }

  #badJoin(
    { serviceId, groupId, stageId, preferences }: JoinGroup,
    before: Readonly<Group> | undefined,
    services: ServicesView,
  ): Refused | undefined {
    const bad = badId("group_id", groupId) ??
      (stageId === "" ? undefined : badId("stage_id", stageId));
    if (bad) return bad;
    if (!services.get(serviceId)) {
      return notFound("service_id", "registered service", serviceId);
    }
    if (preferences.length > groupPartitionsMax) {
      return refuse(
        Code.InvalidArgument,
        "partition_preferences",
        `must name at most ${groupPartitionsMax} partitions`,
        preferences,
      );
    }
    if (!before && this.size >= groupsMax) {
      return noRoomFor("group_id", "groups", groupsMax);
    }
    const members = before?.members.length ?? 0;
    return members >= groupMembersMax && !memberOf(before, serviceId)
      ? noRoomFor("service_id", "members of a group", groupMembersMax)
      : undefined;
  }
}

function* entriesOf(table: OrderedTable<Readonly<Group>>): SnapshotEntries {
  for (const group of table.values()) yield { group };
}

function memberOf(
  group: Readonly<Group> | undefined,
  serviceId: string,
): GroupMember | undefined {
  return group?.members.find((each) => each.serviceId === serviceId);
}

function membersOf(groupId: string): StateEvent {
  return { kind: "groupMembersChanged", groupId };
}

function shareOf({ generation }: Readonly<Group>, member: GroupMember): {
  readonly generation: number;
  readonly partitions: readonly number[];
} {
  return { generation, partitions: member.assigned };
}

/** The parallelism of the stage that a group serves: of one that selects the group, if any does. */
function partitionsOf(
  { groupId, stageId }: Readonly<Group>,
  pipelines: PipelinesView,
): number {
  const stages = pipelines.stagesNamed(stageId);
  const stage = stages.find((each) => each.groupId === groupId) ?? stages[0];
  return Math.min(stage?.parallelism || groupPartitions, groupPartitionsMax);
}

/** Who gives up what, then who takes over what. */
function movesOf(
  before: Readonly<Group>,
  members: readonly GroupMember[],
  generation: number,
  services: ServicesView,
): StateEvent[] {
  const { groupId } = before;
  const revoked: StateEvent[] = [];
  const assigned: StateEvent[] = [];
  members.forEach((member, i) => {
    const had = before.members[i]!;
    if (had === member) return;
    const service = services.get(member.serviceId)!;
    const moves = partitionMoves(had.assigned, member.assigned);
    if (moves.revoke.length > 0) {
      const partitions = moves.revoke;
      const kind = "partitionsRevoked";
      revoked.push({ kind, groupId, service, partitions, generation });
    }
    if (moves.assign.length > 0) {
      const partitions = moves.assign;
      const kind = "partitionsAssigned";
      assigned.push({ kind, groupId, service, partitions, generation });
    }
  });
  return [...revoked, ...assigned];
}

function isSameList(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((each, i) => each === b[i]);
}
