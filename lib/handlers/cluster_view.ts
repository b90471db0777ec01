/**
 * How the cluster looks from one node. Only the leader hears from all others, so another node asks it;
 * where it cannot be asked, what is not known to be well counts as not well.
 */
import type { MessageInit } from "../../proto/codec.ts";
import type { StatusResponse } from "../../proto/messages/cluster.ts";
import {
  ClusterHealth,
  type GetClusterStatusResponse,
  NodeRole,
  type NodeStatus,
} from "../../proto/messages/router.ts";
import type { Member } from "../consensus/members.ts";
import type { Metadata } from "../consensus/metadata.ts";
import { ConveyorError } from "../errors.ts";
import { clusterStatusTimeoutMs } from "../limits.ts";
import type { Status } from "../raft/types.ts";

/** The way to the leader's own view. */
export interface LeaderStatusPort {
  status(leader: Member, signal: AbortSignal): Promise<StatusResponse>;
}

/** What a view is made of. */
export type ClusterViewMetadata = Pick<
  Metadata<unknown>,
  "status" | "leader" | "members"
>;

interface Seen {
  readonly match: number;
  readonly active: boolean;
}

/** The cluster as `metadata`'s node sees it, by the leader's help where there is a `port`. */
export async function clusterView(
  metadata: ClusterViewMetadata,
  port: LeaderStatusPort | undefined,
  signal: AbortSignal,
): Promise<MessageInit<GetClusterStatusResponse>> {
  const { leader } = metadata;
  const own = metadata.status();
  const seen = own.role === "leader"
    ? seenBy(own)
    : await askLeader(leader, port, signal);
  // Waiting may have changed it.
  const status = metadata.status();
  seen.set(status.id, { match: status.commit, active: true });
  const nodes = metadata.members.filter(({ removed }) => !removed).map(
    ({ id, address }): MessageInit<NodeStatus> => ({
      nodeId: BigInt(id),
      address,
      role: roleOf(id, status),
      healthy: seen.get(id)?.active ?? false,
      matchIndex: BigInt(seen.get(id)?.match ?? 0),
    }),
  );
  return {
    nodeId: BigInt(status.id),
    leaderId: BigInt(status.lead),
    term: BigInt(status.term),
    commitIndex: BigInt(status.commit),
    appliedIndex: BigInt(status.applied),
    nodes,
    health: healthOf(status.lead, nodes),
  };
}

function seenBy({ peers }: Status): Map<number, Seen> {
  return new Map(
    peers.map(({ id, match, recentActive }) => [
      id,
      { match, active: recentActive },
    ]),
  );
}

async function askLeader(
  leader: Member | undefined,
  port: LeaderStatusPort | undefined,
  signal: AbortSignal,
): Promise<Map<number, Seen>> {
  const seen = new Map<number, Seen>();
  if (leader === undefined || port === undefined) return seen;
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), clusterStatusTimeoutMs);
  try {
    const { nodes, commitIndex } = await port.status(
      leader,
      AbortSignal.any([signal, late.signal]),
    );
    for (const { nodeId, progress } of nodes) {
      seen.set(Number(nodeId), {
        match: Number(progress?.match ?? 0n),
        active: progress?.recentlyActive ?? false,
      });
    }
    seen.set(leader.id, { match: Number(commitIndex), active: true });
  } catch (error) {
    // It does not answer: nothing is known of the others.
    if (!(error instanceof ConveyorError)) throw error;
  } finally {
    clearTimeout(timer);
  }
  return seen;
}

function roleOf(id: number, status: Status): NodeRole {
  if (id === status.lead) return NodeRole.Leader;
  if (status.learners.includes(id)) return NodeRole.Learner;
  const runs = id === status.id &&
    (status.role === "candidate" || status.role === "preCandidate");
  return runs ? NodeRole.Candidate : NodeRole.Follower;
}

function healthOf(
  lead: number,
  nodes: readonly MessageInit<NodeStatus>[],
): ClusterHealth {
  if (lead === 0) return ClusterHealth.Unhealthy;
  return nodes.every(({ healthy }) => healthy)
    ? ClusterHealth.Healthy
    : ClusterHealth.Degraded;
}
