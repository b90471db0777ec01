/**
 * ClusterService: proposals and reads of the replicated state for other nodes and for programs, and
 * what an operator does with the members. What only the leader can do is refused elsewhere with the
 * leader's place in the trailing metadata; a repeated request does no harm.
 */
import type { MessageInit } from "../../proto/codec.ts";
import {
  type ClusterNode,
  type ClusterServiceMethods,
  type LeaderHint,
  LeaseOutcome,
  NodeRole,
  NodeSuffrage,
  ReplicationState,
  type StatusResponse,
} from "../../proto/messages/cluster.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import type { LeaseKeeper } from "../consensus/lease_keeper.ts";
import type { Metadata } from "../consensus/metadata.ts";
import { notLeader } from "../consensus/not_leader.ts";
import type { PeerGate } from "../consensus/peer_gate.ts";
import { Code, ConveyorError, invalidArgument } from "../errors.ts";
import {
  leaseRenewalsMax,
  promoteLagEntries,
  transferTimeoutMs,
} from "../limits.ts";
import { requestIdBytes } from "../metadata_keys.ts";
import type {
  ConfChangeSingle,
  PeerStatus,
  Role,
  Status,
} from "../raft/types.ts";
import type { Handlers } from "../rpc/handler.ts";
import type { RaftStore } from "../storage/store.ts";
import { quorumRefusal } from "./quorum_refusal.ts";

/** ClusterService, for the server to serve. */
export const clusterService: Service<ClusterServiceMethods> = serviceOf(
  "conveyor.cluster.ClusterService",
);

/** The leases of the state. */
export type LeasesPort = Pick<LeaseKeeper, "renewAll">;

/** The replicated state, of whatever kind, and its members. */
export type ClusterMetadata = Pick<
  Metadata<unknown>,
  | "role"
  | "leader"
  | "members"
  | "status"
  | "propose"
  | "read"
  | "changeMembership"
  | "transferLeader"
  | "heir"
  | "whenHeard"
>;

type ClusterHandlers = Required<Handlers<ClusterServiceMethods>>;

/** The handlers of a node. */
export class ClusterHandler implements ClusterHandlers {
  readonly #metadata: ClusterMetadata;
  readonly #store: RaftStore;
  readonly #gate: Pick<PeerGate, "storeOf">;
  readonly #leases: LeasesPort | undefined;

  /** Without `leases` the state has none, and RenewLeases answers Unimplemented. */
  constructor(
    metadata: ClusterMetadata,
    store: RaftStore,
    gate: Pick<PeerGate, "storeOf">,
    leases?: LeasesPort,
  ) {
    this.#metadata = metadata;
    this.#store = store;
    this.#gate = gate;
    this.#leases = leases;
  }

  propose: ClusterHandlers["propose"] = async (
    { requestId, command },
    { signal },
  ) => {
    if (requestId.length !== requestIdBytes) {
      throw invalidArgument(
        "request_id",
        `must have ${requestIdBytes} bytes`,
        requestId,
      );
    }
    if (command.length === 0) {
      throw invalidArgument("command", "must not be empty", command);
    }
    this.#requireLead();
    const { index, answer } = await this.#metadata.propose(
      command,
      { requestId, signal },
    );
    return { index: BigInt(index), answer, term: this.#term() };
  };

  readIndex: ClusterHandlers["readIndex"] = async (
    _request,
    { signal },
  ) => {
    this.#requireLead();
    return { index: BigInt(await this.#metadata.read({ signal })) };
  };

  renewLeases: ClusterHandlers["renewLeases"] = ({ leases }) => {
    if (this.#leases === undefined) {
      throw new ConveyorError(
        Code.Unimplemented,
        "Cannot renew leases: the replicated state has none",
      );
    }
    if (leases.length > leaseRenewalsMax) {
      throw invalidArgument(
        "leases",
        `must be at most ${leaseRenewalsMax}`,
        leases.length,
      );
    }
    const renewals = this.#leases.renewAll(leases);
    return {
      outcomes: renewals.map(({ kind }) => leaseOutcomes[kind]),
      lastsMs: renewals.map((renewal) =>
        renewal.kind === "renewed" ? Math.ceil(renewal.lastsMs) : 0
      ),
    };
  };

  addNode: ClusterHandlers["addNode"] = async (
    { nodeId, address, learner },
    { signal },
  ) => {
    const id = idOf(nodeId);
    if (!/^https?:\/\/.+:\d+$/.test(address)) {
      throw invalidArgument(
        "address",
        'must be "http://host:port" or "https://host:port"',
        address,
      );
    }
    await this.#lead(signal);
    const known = this.#metadata.members.find((member) => member.id === id);
    if (known === undefined && !learner) {
      // Its vote would count from now on, whether it is there or not.
      throw noVote(id, "it is no member yet; add it as a learner first");
    }
    if (known === undefined || known.removed || known.address !== address) {
      const { voters } = this.#metadata.status();
      // A voter that has moved stays one.
      const type = voters.includes(id) ? "addNode" : "addLearner";
      await this.#change({ type, nodeId: id }, signal, address);
    }
    if (!learner) await this.#promote(id, signal);
    return { nodes: this.#nodes() };
  };

  removeNode: ClusterHandlers["removeNode"] = async (
    { nodeId },
    { signal },
  ) => {
    const id = idOf(nodeId);
    await this.#lead(signal);
    const { removed } = this.#member(id);
    if (!removed) {
      await this.#change({ type: "removeNode", nodeId: id }, signal);
    }
    return { nodes: this.#nodes() };
  };

  promoteLearner: ClusterHandlers["promoteLearner"] = async (
    { nodeId },
    { signal },
  ) => {
    const id = idOf(nodeId);
    await this.#lead(signal);
    await this.#promote(id, signal);
    return { nodes: this.#nodes() };
  };

  transferLeadership: ClusterHandlers["transferLeadership"] = async (
    { nodeId },
    { signal },
  ) => {
    await this.#lead(signal);
    const heir = nodeId === 0n ? await this.#heir(signal) : idOf(nodeId);
    this.#present(heir);
    const { id, voters } = this.#metadata.status();
    if (!voters.includes(heir)) {
      throw invalidArgument("node_id", "must be a voter", heir);
    }
    if (heir !== id) await this.#handOver(heir);
    return { leader: this.#leader() };
  };

  listNodes: ClusterHandlers["listNodes"] = () => ({
    nodes: this.#nodes(),
    leader: this.#leader(),
  });

  status: ClusterHandlers["status"] = () => {
    const status = this.#metadata.status();
    const { view, identity, incarnation } = this.#store;
    return {
      clusterId: identity.clusterId,
      nodeId: BigInt(identity.nodeId),
      incarnation: BigInt(incarnation),
      role: roles[status.role],
      term: BigInt(status.term),
      leader: this.#leader(),
      commitIndex: BigInt(status.commit),
      appliedIndex: BigInt(status.applied),
      firstIndex: BigInt(view.firstIndex()),
      lastIndex: BigInt(view.lastIndex()),
      snapshotIndex: BigInt(view.snapshot()?.index ?? 0),
      nodes: this.#nodes(),
    } satisfies MessageInit<StatusResponse>;
  };

  /** Gives a learner its vote, if it answers and the log would not have to wait for it. */
  async #promote(id: number, signal: AbortSignal): Promise<void> {
    this.#requireLead();
    this.#present(id);
    const { commit, peers, voters } = this.#metadata.status();
    if (voters.includes(id)) return;
    const peer = peers.find((peer) => peer.id === id);
    // With the vote of one that is not there the cluster could lose its majority.
    if (peer === undefined || peer.match === 0) {
      throw noVote(id, "it has not answered yet");
    }
    if (!peer.recentActive) throw noVote(id, "it does not answer now");
    const behind = commit - peer.match;
    if (behind > promoteLagEntries) {
      throw noVote(
        id,
        `it is ${behind} entries behind, and must be within ${promoteLagEntries}`,
      );
    }
    await this.#change({ type: "addNode", nodeId: id }, signal);
  }

  /** Changes one member, unless that would cost the cluster its majority. */
  async #change(
    change: ConfChangeSingle,
    signal: AbortSignal,
    address = "",
  ): Promise<void> {
    const { nodeId } = change;
    const refusal = () => quorumRefusal(this.#metadata.status(), change);
    await this.#metadata.whenHeard(() => refusal() === undefined, signal);
    this.#requireLead();
    // From here to the proposal nothing is waited for, so that no other change comes in between.
    const refused = refusal();
    if (refused !== undefined) throw refused;
    if (change.type === "removeNode" && nodeId === this.#metadata.status().id) {
      // Who leads next carries it out: nobody has to find out that the leader is gone, nor needs its vote.
      await this.#handOver(await this.#heir(signal));
      throw notLeader(this.#metadata.leader);
    }
    await this.#metadata.changeMembership([change], address, signal);
  }

  /** The voter that is placed best to take the lead over. */
  async #heir(signal: AbortSignal): Promise<number> {
    const known = () => this.#metadata.heir() !== undefined;
    await this.#metadata.whenHeard(known, signal);
    const heir = this.#metadata.heir();
    if (heir !== undefined) return heir;
    throw new ConveyorError(
      Code.FailedPrecondition,
      "Cannot hand the lead over: no other voter answers",
    );
  }

  async #handOver(heir: number): Promise<void> {
    if (await this.#metadata.transferLeader(heir, transferTimeoutMs)) return;
    throw new ConveyorError(
      Code.Aborted,
      `Cannot hand the lead to node ${heir}: it did not take over in time`,
    );
  }

  /** Resolves where this node leads, and knows of every change of the members before the call. */
  async #lead(signal: AbortSignal): Promise<void> {
    this.#requireLead();
    await this.#metadata.read({ signal });
    this.#requireLead();
  }

  #requireLead(): void {
    if (this.#metadata.role.role !== "leader") {
      throw notLeader(this.#metadata.leader);
    }
  }

  #member(id: number): { readonly removed: boolean } {
    const known = this.#metadata.members.find((member) => member.id === id);
    if (known !== undefined) return known;
    throw noMember(id, "it never was a member");
  }

  #present(id: number): void {
    if (this.#member(id).removed) throw noMember(id, "it was removed");
  }

  #term(): bigint {
    return BigInt(this.#metadata.status().term);
  }

  #leader(): MessageInit<LeaderHint> | undefined {
    const { leader } = this.#metadata;
    return leader && {
      nodeId: BigInt(leader.id),
      address: leader.address,
      term: this.#term(),
    };
  }

  #nodes(): MessageInit<ClusterNode>[] {
    const status = this.#metadata.status();
    return this.#metadata.members.filter(({ removed }) => !removed).map(
      ({ id, address }) => ({
        nodeId: BigInt(id),
        address,
        suffrage: suffrageOf(id, status),
        progress: progressOf(status.peers.find((peer) => peer.id === id)),
        storeId: this.#gate.storeOf(id),
      }),
    );
  }
}

const roles: { readonly [role in Role]: NodeRole } = {
  follower: NodeRole.Follower,
  preCandidate: NodeRole.PreCandidate,
  candidate: NodeRole.Candidate,
  leader: NodeRole.Leader,
};

const leaseOutcomes = {
  renewed: LeaseOutcome.Renewed,
  replaced: LeaseOutcome.Replaced,
  unknown: LeaseOutcome.Unknown,
} as const;

const replication = {
  probe: ReplicationState.Probe,
  replicate: ReplicationState.Replicate,
  snapshot: ReplicationState.Snapshot,
} as const;

function suffrageOf(
  id: number,
  { voters, votersOutgoing, learners }: Status,
): NodeSuffrage {
  if (voters.includes(id)) return NodeSuffrage.Voter;
  if (votersOutgoing.includes(id)) return NodeSuffrage.Leaving;
  if (learners.includes(id)) return NodeSuffrage.Learner;
  return NodeSuffrage.Unspecified;
}

function progressOf(
  peer: PeerStatus | undefined,
): MessageInit<ClusterNode>["progress"] {
  return peer && {
    match: BigInt(peer.match),
    state: replication[peer.state],
    recentlyActive: peer.recentActive,
    appendsInFlight: peer.inflight,
  };
}

function noVote(id: number, reason: string): ConveyorError {
  return new ConveyorError(
    Code.FailedPrecondition,
    `Cannot give node ${id} a vote: ${reason}`,
  );
}

function noMember(id: number, reason: string): ConveyorError {
  return new ConveyorError(
    Code.NotFound,
    `Cannot find node ${id}: ${reason}`,
  );
}

function idOf(nodeId: bigint): number {
  const id = Number(nodeId);
  if (Number.isSafeInteger(id) && id > 0) return id;
  throw invalidArgument("node_id", "must be from 1 to 2^53-1", nodeId);
}
