/**
 * How a node becomes a member: by being there from the first day, by what its disk says, or by asking
 * routers of the cluster to take it in, first without a vote until it has the log, then with one.
 */
import { setTimeout as delay } from "node:timers/promises";
import { ClusterClient } from "../../clients/cluster_client.ts";
import { optionsFor } from "../../clients/options_for.ts";
import { systemClock } from "../clock.ts";
import type { Member } from "../consensus/members.ts";
import type { Metadata } from "../consensus/metadata.ts";
import { asConveyorError, Code, ConveyorError } from "../errors.ts";
import { joinRetryMs, waitingWordMs } from "../limits.ts";
import { type Log, log } from "../log.ts";
import {
  type ClusterNode,
  NodeSuffrage,
} from "../../proto/messages/cluster.ts";
import { storedIdentity } from "../storage/stored_identity.ts";
import type { FirstSnapshot, NodeIdentity } from "../storage/store.ts";
import type { FirstMember } from "./first_members.ts";
import { firstState, membersOf, newClusterId } from "./first_state.ts";
import type { ResolvedRouterOptions } from "./router_options.ts";

/** What the store of a node is opened with. */
export interface Membership {
  readonly identity: NodeIdentity;
  /** What it starts from, if it was never set up and does not join. */
  readonly first?: FirstSnapshot;
  /** The members as one of them told, for a node that joins. */
  readonly members?: readonly Member[];
  /**
   * Ids of the stores that those have, for a node that joins: a stray that comes to it before them is
   * not taken for them.
   */
  readonly stores?: ReadonlyMap<number, string>;
}

/** Finds out whose this node is; one that joins asks routers of the cluster. */
export async function membershipOf(
  { nodeId, members, join, dial, dataDir }: ResolvedRouterOptions,
  signal: AbortSignal,
): Promise<Membership> {
  const stored = await storedIdentity(dataDir);
  if (stored) {
    await warnOfOtherCluster(stored, members, dataDir);
    return { identity: { ...stored, nodeId } };
  }
  if (join.length === 0) {
    const clusterId = await newClusterId(members);
    return { identity: { clusterId, nodeId }, first: firstState(members) };
  }
  await using cluster = await clusterOf(join, dial, signal);
  const { clusterId, nodes } = await cluster.status();
  checkFree(nodeId, nodes, members);
  const others = nodes.map((node) => ({
    id: Number(node.nodeId),
    address: node.address,
  })).filter(({ id }) => id !== nodeId);
  return {
    identity: { clusterId, nodeId },
    members: membersOf([...others, ...members]),
    stores: new Map(
      nodes.filter(({ storeId }) => storeId !== "")
        .map((node) => [Number(node.nodeId), node.storeId]),
    ),
  };
}

/**
 * Refuses to enter with an empty disk under the id of another node, or of one that had its vote: the
 * cluster would send to this node what is for that one, and count on what that one has stored.
 */
function checkFree(
  nodeId: number,
  nodes: readonly ClusterNode[],
  own: readonly FirstMember[],
): void {
  const known = nodes.find((node) => node.nodeId === BigInt(nodeId));
  const announced = known?.suffrage === NodeSuffrage.Learner &&
    own.some(({ address }) => address === known.address);
  if (known === undefined || announced) return;
  throw new ConveyorError(
    Code.FailedPrecondition,
    `Cannot join as node ${nodeId}: the cluster has a node of that id at ${known.address}, and nothing of it is in the data directory here; let this node join under a new id`,
  );
}

/** The directory counts, as members come and go; but it may be the wrong one. */
async function warnOfOtherCluster(
  { clusterId }: NodeIdentity,
  members: readonly FirstMember[],
  dataDir: string,
): Promise<void> {
  if (members.length === 1) return;
  const named = await newClusterId(members);
  if (named === clusterId) return;
  log.warn("The data directory is of a cluster that began with other peers", {
    dataDir,
    clusterId,
    named,
  });
}

/** Asks routers of the cluster to take the node in, without a vote. May be repeated. */
export async function enter(
  { nodeId, members, join, dial }: ResolvedRouterOptions,
  signal: AbortSignal,
): Promise<void> {
  await using cluster = await clusterOf(join, dial, signal);
  const own = members.find(({ id }) => id === nodeId)!;
  const { nodes } = await cluster.listNodes();
  const known = nodes.find((node) => node.nodeId === BigInt(nodeId));
  if (known?.address === own.address) return;
  await cluster.addNode({
    nodeId: BigInt(nodeId),
    address: own.address,
    // A voter that has moved stays one.
    learner: known?.suffrage !== NodeSuffrage.Voter,
  });
}

/** Resolves when a majority has answered the node: until then what it knows may be old. */
export async function untilHeard(
  metadata: Pick<Metadata<unknown>, "read">,
  signal: AbortSignal,
  warn: Log["warn"] = log.warn,
): Promise<void> {
  let nextWordMs = -Infinity;
  for (;;) {
    try {
      await metadata.read({ signal });
      return;
    } catch (error) {
      const { code, message } = asConveyorError(error);
      const waits = code === Code.Unavailable || code === Code.DeadlineExceeded;
      if (signal.aborted || !waits) throw error;
      const nowMs = systemClock.monotonicMs();
      if (nowMs >= nextWordMs) {
        nextWordMs = nowMs + waitingWordMs;
        warn("The router waits for a majority of its cluster", {
          reason: message,
        });
      }
      await delay(joinRetryMs, undefined, { signal });
    }
  }
}

/** Asks until the node has its vote, as soon as it has the log. */
export async function getVote(
  { nodeId, join, dial }: ResolvedRouterOptions,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await using cluster = await clusterOf(join, dial, signal);
      await cluster.promoteLearner(BigInt(nodeId), { signal });
      log.info("The node has its vote", { nodeId });
      return;
    } catch (error) {
      if (signal.aborted) return;
      if (isFinal(error)) {
        log.error("Cannot get a vote in the cluster", { nodeId, error });
        return;
      }
    }
    await delay(joinRetryMs, undefined, { signal }).catch(() => {});
  }
}

/** Whether asking again cannot help. */
function isFinal(error: unknown): boolean {
  return error instanceof ConveyorError && [
    Code.InvalidArgument,
    Code.NotFound,
    Code.AlreadyExists,
    Code.Unimplemented,
  ].includes(error.code);
}

function clusterOf(
  routers: readonly string[],
  dial: ResolvedRouterOptions["dial"],
  signal: AbortSignal,
): Promise<ClusterClient> {
  const options = optionsFor(routers[0]!, dial);
  return ClusterClient.connect(routers, { ...options, signal });
}
