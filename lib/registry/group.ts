/**
 * Which member of a group has which partitions. Shares differ by one at most; among all such
 * assignments, one that moves the fewest partitions; and among those that move, a preference is
 * honoured where it can be. A pure function: every node that knows the same members decides alike.
 */
import type { GroupMember } from "../../proto/messages/state.ts";

type Member = Readonly<GroupMember>;

/** A member while its share is made up. */
interface Share {
  readonly serviceId: string;
  readonly preferences: readonly number[];
  readonly kept: Set<number>;
  quota: number;
}

/** The partitions of each member, rising, by id. Partitions go from 0 up to `partitions`. */
export function assignPartitions(
  members: readonly Member[],
  partitions: number,
): Map<string, readonly number[]> {
  const shares = sharesOf(members, partitions);
  setQuotas(shares, partitions);
  const wanted = wantedBy(shares);
  const free = new Set(Array.from({ length: partitions }, (_, i) => i));
  for (const share of shares) {
    release(share, wanted);
    for (const partition of share.kept) free.delete(partition);
  }
  fillByPreference(shares, free);
  const rest = free.values();
  for (const { kept, quota } of shares) {
    while (kept.size < quota) kept.add(rest.next().value!);
  }
  return new Map(
    shares.map((
      { serviceId, kept },
    ) => [serviceId, [...kept].sort((a, b) => a - b)]),
  );
}

/** Members in order of their id, each with what it may keep; nothing is kept by two. */
function sharesOf(
  members: readonly Member[],
  partitions: number,
): Share[] {
  const taken = new Set<number>();
  const inOrder = members.toSorted((a, b) =>
    a.serviceId < b.serviceId ? -1 : 1
  );
  return inOrder.map(({ serviceId, preferences, assigned }) => {
    const kept = assigned.filter((partition) =>
      partition < partitions && !taken.has(partition)
    );
    for (const partition of kept) taken.add(partition);
    return { serviceId, preferences, kept: new Set(kept), quota: 0 };
  });
}

/** Those that have the most get one more where the partitions do not divide evenly. */
function setQuotas(shares: readonly Share[], partitions: number): void {
  const base = Math.floor(partitions / shares.length);
  let extra = partitions % shares.length;
  for (const share of shares.toSorted((a, b) => b.kept.size - a.kept.size)) {
    share.quota = base + (extra-- > 0 ? 1 : 0);
  }
}

/** What members with room for more would like. */
function wantedBy(shares: readonly Share[]): Set<number> {
  return new Set(
    shares.filter(({ kept, quota }) => kept.size < quota)
      .flatMap(({ preferences }) => preferences),
  );
}

/** Gives up what is over the quota: first what others would like, last what it would like itself. */
function release(share: Share, wanted: ReadonlySet<number>): void {
  const { kept, quota, preferences } = share;
  if (kept.size <= quota) return;
  const own = new Set(preferences);
  const cost = (partition: number) =>
    own.has(partition) ? 2 : wanted.has(partition) ? 0 : 1;
  const order = [...kept].sort((a, b) => cost(a) - cost(b) || b - a);
  for (const partition of order.slice(0, kept.size - quota)) {
    kept.delete(partition);
  }
}

/** In turns, each member with room takes the next free partition that it would like. */
function fillByPreference(shares: readonly Share[], free: Set<number>): void {
  const wishes = shares.map((share) => ({ share, next: 0 }));
  for (let took = true; took;) {
    took = false;
    for (const wish of wishes) {
      const { share } = wish;
      if (share.kept.size >= share.quota) continue;
      while (wish.next < share.preferences.length) {
        const partition = share.preferences[wish.next++]!;
        if (!free.delete(partition)) continue;
        share.kept.add(partition);
        took = true;
        break;
      }
    }
  }
}

/** What a member is to be told, in this order: give up, then take over. */
export interface PartitionMoves {
  readonly revoke: readonly number[];
  readonly assign: readonly number[];
}

/** What leads a member from the partitions that it was told of to those that it is to have. */
export function partitionMoves(
  told: readonly number[],
  held: readonly number[],
): PartitionMoves {
  const before = new Set(told);
  const after = new Set(held);
  return {
    revoke: told.filter((partition) => !after.has(partition)),
    assign: held.filter((partition) => !before.has(partition)),
  };
}
