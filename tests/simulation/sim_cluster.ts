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
  /** Membership changes that were applied. */
  changes = 0;
  #lastId: number;

  /** `site` without the directory, which is this. */
  constructor(site: Omit<SimSite, "directory">, size: number) {
    this.#site = { ...site, directory: this };
    const ids = Array.from({ length: size }, (_, at) => at + 1);
    const members = ids.map(memberOf);
    const first = firstSnapshot(members);
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
    if (!this.#maySpare(nodeId)) return;
    await this.#change([{ type: "removeNode", nodeId }]);
    this.#retireLater(nodeId);
  }

  async demote(nodeId: number): Promise<void> {
    if (!this.#maySpare(nodeId)) return;
    await this.#change([{ type: "addLearner", nodeId }]);
  }

  /** Two changes at once: one voter in place of another. */
  async replaceNode(nodeId: number): Promise<void> {
    if (!this.membership?.voters.includes(nodeId)) return;
    const { id } = this.#newNode();
    await this.#change([
      { type: "removeNode", nodeId },
      { type: "addNode", nodeId: id },
    ], id);
    this.#retireLater(nodeId);
  }

  async transfer(nodeId: number): Promise<void> {
    await this.leader?.up?.metadata.transferLeader(nodeId, 1_000);
  }

  #maySpare(id: number): boolean {
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

  /** Gives a node up once the leader does not need it any more. */
  #retireLater(id: number): void {
    this.#site.world.after(retireLookMs, id, () => {
      const { membership } = this;
      const needed = !membership || [
        ...membership.voters,
        ...membership.votersOutgoing,
        ...membership.learners,
        ...membership.learnersNext,
      ].includes(id);
      if (!needed && this.isRemoved(id)) this.nodes.get(id)?.retire();
      else this.#retireLater(id);
    });
  }
}

function memberOf(id: number): Member {
  return { id, address: `http://node-${id}:1`, removed: false };
}

function firstSnapshot(members: readonly Member[]): FirstSnapshot {
  return {
    confState: {
      voters: members.map(({ id }) => id),
      votersOutgoing: [],
      learners: [],
      learnersNext: [],
      autoLeave: false,
    },
    chunks: [...new Replicated(new KvMachine(), members).snapshot()],
  };
}
