/**
 * The nodes of a simulation, and what an operator does to them: starts new ones, changes the
 * membership, hands over the lead. A number is never used twice.
 */
import type { Member } from "../../lib/consensus/members.ts";
import { Replicated } from "../../lib/consensus/replicated.ts";
import type { ConfChangeSingle, ConfState } from "../../lib/raft/types.ts";
import type { FirstSnapshot } from "../../lib/storage/store.ts";
import { KvMachine } from "../fixtures/kv_machine.ts";
import { SimNode, type SimSite } from "./sim_node.ts";
import type { Directory, Reachable } from "./sim_transport.ts";

/** Fewer voters are never left. */
const votersMin = 3;
const votersMax = 7;
/** Time between two looks at whether a removed node is still needed. */
const retireLookMs = 1_000;

export class SimCluster implements Directory {
  readonly nodes = new Map<number, SimNode>();
  readonly #site: SimSite;
  /** Indexes at which leaders were seen to have applied removals. */
  readonly #goneAt = new Map<number, number>();
  /** Membership changes that were applied. */
  changes = 0;
  #lastId: number;

  /** `site` without the directory, which is this. */
  constructor(
    site: Omit<SimSite, "directory">,
    voters: number,
    learners: number,
  ) {
    this.#site = { ...site, directory: this };
    const size = voters + learners;
    const ids = Array.from({ length: size }, (_, at) => at + 1);
    const members = ids.map(memberOf);
    const first = firstSnapshot(members, voters);
    for (const id of ids) {
      this.nodes.set(id, new SimNode(id, this.#site, { first, members }));
    }
    this.#lastId = size;
  }

  /** Numbers of the nodes that were not given up. */
  get ids(): number[] {
    return [...this.nodes.values()].filter(({ retired }) => !retired)
      .map(({ id }) => id);
  }

  reach(id: number): Reachable | undefined {
    return this.nodes.get(id)?.up;
  }

  isRemoved(id: number): boolean {
    return [...this.nodes.values()].some(({ up }) =>
      up?.metadata.members.some((member) => member.id === id && member.removed)
    );
  }

  /**
   * Whether the cluster can do without a removed node: a majority of those that stay has the commit of
   * its removal on disk. Until then they might need its vote to find out that it is removed.
   */
  maySpare(id: number): boolean {
    const leader = this.leader?.up?.metadata;
    if (!leader || !this.isRemoved(id)) return false;
    const { voters, votersOutgoing, learners, learnersNext } = leader.status();
    const members = [
      ...voters,
      ...votersOutgoing,
      ...learners,
      ...learnersNext,
    ];
    if (members.includes(id)) return false;
    const goneAt = this.#goneAt.get(id) ?? leader.appliedIndex;
    this.#goneAt.set(id, goneAt);
    const know = voters.filter((voter) =>
      this.#site.invariants.durableCommit(voter) >= goneAt
    );
    return know.length > voters.length / 2;
  }

  /** The running node that leads in the highest term. */
  get leader(): SimNode | undefined {
    let leader: SimNode | undefined;
    let term = 0;
    for (const node of this.nodes.values()) {
      if (node.up?.metadata.role.role !== "leader") continue;
      const status = node.up.metadata.status();
      if (status.term <= term) continue;
      leader = node;
      term = status.term;
    }
    return leader;
  }

  /** The membership as the leader has it. */
  get membership(): ConfState | undefined {
    return this.leader?.up?.metadata.status();
  }

  async addNode(): Promise<void> {
    const membership = this.membership;
    if (!membership) return;
    const { voters, learners } = membership;
    if (voters.length + learners.length >= votersMax) return;
    const node = this.#newNode();
    await this.#change([{ type: "addLearner", nodeId: node.id }], node.id);
  }

  async promote(): Promise<void> {
    const learner = this.membership?.learners[0];
    if (learner === undefined) return;
    await this.#change([{ type: "addNode", nodeId: learner }]);
  }

  async removeNode(nodeId: number): Promise<void> {
    if (!this.#mayLeave(nodeId)) return;
    await this.#change([{ type: "removeNode", nodeId }]);
    this.#retireLater(nodeId);
  }

  async demote(nodeId: number): Promise<void> {
    if (!this.#mayLeave(nodeId)) return;
    await this.#change([{ type: "addLearner", nodeId }]);
  }

  /** Several changes at once: learners, or else a new node, in place of as many voters. */
  async replaceNode(nodeId: number): Promise<void> {
    const { voters = [], learners = [] } = this.membership ?? {};
    if (!voters.includes(nodeId)) return;
    const leave = [nodeId, ...voters.filter((id) => id !== nodeId)];
    const enter = learners.slice(0, voters.length - 1);
    const added = enter.length === 0 ? this.#newNode().id : undefined;
    if (added !== undefined) enter.push(added);
    leave.length = enter.length;
    await this.#change([
      ...leave.map((nodeId) => ({ type: "removeNode", nodeId } as const)),
      ...enter.map((nodeId) => ({ type: "addNode", nodeId } as const)),
    ], added);
    for (const id of leave) this.#retireLater(id);
  }

  async transfer(nodeId: number): Promise<void> {
    await this.leader?.up?.metadata.transferLeader(nodeId, 1_000);
  }

  #mayLeave(id: number): boolean {
    const { voters = [] } = this.membership ?? {};
    return !voters.includes(id) || voters.length > votersMin;
  }

  #newNode(): SimNode {
    const id = ++this.#lastId;
    const members = this.leader?.up?.metadata.members ?? [];
    const node = new SimNode(id, this.#site, { first: undefined, members });
    this.nodes.set(id, node);
    node.boot();
    return node;
  }

  async #change(
    changes: readonly ConfChangeSingle[],
    added?: number,
  ): Promise<void> {
    const metadata = this.leader?.up?.metadata;
    if (!metadata) return;
    const address = added === undefined ? "" : memberOf(added).address;
    await metadata.changeMembership(changes, address);
    this.changes++;
  }

  /** Gives a node up once the cluster does not need it any more. */
  #retireLater(id: number): void {
    this.#site.world.after(retireLookMs, id, () => {
      if (this.maySpare(id)) this.nodes.get(id)?.retire();
      else this.#retireLater(id);
    });
  }
}

function memberOf(id: number): Member {
  return { id, address: `http://node-${id}:1`, removed: false };
}

/** The first `voters` members have a vote, the others learn. */
function firstSnapshot(
  members: readonly Member[],
  voters: number,
): FirstSnapshot {
  const ids = members.map(({ id }) => id);
  return {
    confState: {
      voters: ids.slice(0, voters),
      votersOutgoing: [],
      learners: ids.slice(voters),
      learnersNext: [],
      autoLeave: false,
    },
    chunks: [...new Replicated(new KvMachine(), members).snapshot()],
  };
}
