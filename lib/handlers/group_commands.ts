/**
 * What a stream of heartbeats tells its services of their groups: which partitions to give up, then
 * which they have. A new round is told to every member, also to those that keep what they had: they
 * commit under its generation from then on.
 */
import type { MessageInit } from "../../proto/codec.ts";
import type { RouterCommand } from "../../proto/messages/registry.ts";
import { partitionMoves } from "../registry/group.ts";
import type { GroupsView } from "../state/groups.ts";

interface Told {
  readonly generation: number;
  readonly partitions: readonly number[];
}

/** The commands of one stream. */
export class GroupCommands {
  /** By service, then by group. */
  readonly #told: Map<string, Map<string, Told>> = new Map();

  /** What a service has to hear now. */
  next(
    serviceId: string,
    groups: GroupsView,
  ): MessageInit<RouterCommand>[] {
    const known = this.#told.get(serviceId);
    const ids = groups.groupsOf(serviceId);
    if (known === undefined && ids.length === 0) return [];
    const revokes: MessageInit<RouterCommand>[] = [];
    const assigns: MessageInit<RouterCommand>[] = [];
    const told = new Map<string, Told>();
    for (const groupId of ids) {
      const { generation } = groups.get(groupId)!;
      const partitions = groups.member(groupId, serviceId)!.assigned;
      const before = known?.get(groupId);
      told.set(groupId, { generation, partitions });
      if (before?.generation === generation) continue;
      const { revoke } = partitionMoves(before?.partitions ?? [], partitions);
      const round = { groupId, generation: BigInt(generation) };
      if (revoke.length > 0) {
        revokes.push({ revoke: { ...round, partitions: revoke } });
      }
      assigns.push({ assign: { ...round, partitions } });
    }
    for (const [groupId, { partitions, generation }] of known ?? []) {
      if (told.has(groupId) || partitions.length === 0) continue;
      const now = groups.get(groupId)?.generation ?? generation;
      revokes.push({
        revoke: { groupId, partitions, generation: BigInt(now) },
      });
    }
    if (told.size > 0) this.#told.set(serviceId, told);
    else this.#told.delete(serviceId);
    return [...revokes, ...assigns];
  }

  /** The service is not on this stream any more. */
  forget(serviceId: string): void {
    this.#told.delete(serviceId);
  }
}
