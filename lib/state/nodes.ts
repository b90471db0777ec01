/**
 * The nodes of the router that live, and which of them pulls which partition of a source: by
 * rendezvous hashing over them, so that one node has each partition and little moves when a node
 * comes or goes. Whoever commits what it pulled says under which generation it did: the number of the
 * command that last changed which nodes live. An older one is refused.
 */
import { Code } from "../errors.ts";
import { routerNodesMax } from "../limits.ts";
import type { HeldLease } from "../registry/lease.ts";
import {
  chooseByRendezvous,
  hashPair,
  hashText,
} from "../registry/rendezvous.ts";
import {
  type DeregisterNode,
  LeaseKind,
  type LeaseRef,
  type RegisterNode,
  type RouterNode,
  type SnapshotEntry,
} from "../../proto/messages/state.ts";
import { badId, done, noRoomFor, notFound, refuse } from "./rules.ts";
import { badLease } from "./service_rules.ts";
import type {
  Aggregate,
  AppliedAt,
  Outcome,
  Refused,
  SnapshotEntries,
  StateEvent,
} from "./types.ts";

/** Which node pulls a partition, and since when. */
export interface PullOwner {
  readonly nodeId: number;
  readonly generation: number;
}

/** What may be asked of the nodes. */
export interface NodesView {
  /** All nodes, in order of their number. */
  list(): readonly Readonly<RouterNode>[];
  /** Which node pulls a partition of a source; undefined: none lives. */
  pullOwner(sourceId: string, partition: number): PullOwner | undefined;
  /** Number of the command that last changed which nodes live. */
  readonly generation: number;
}

/** The nodes of the router. */
export class Nodes implements Aggregate, NodesView {
  /** In order of their number; replaced as a whole, so that a snapshot may hold on to it. */
  #nodes: readonly Readonly<RouterNode>[] = [];
  #live: readonly { readonly nodeId: number; readonly hash: number }[] = [];
  #generation = 0;

  get generation(): number {
    return this.#generation;
  }

  list(): readonly Readonly<RouterNode>[] {
    return this.#nodes;
  }

  pullOwner(sourceId: string, partition: number): PullOwner | undefined {
    const key = hashPair(hashText(sourceId), partition);
    const owner = chooseByRendezvous(key, this.#live);
    return owner && { nodeId: owner.nodeId, generation: this.#generation };
  }

  /** Whether a node owns a partition under a generation. */
  owns(
    nodeId: number,
    generation: number,
    sourceId: string,
    partition: number,
  ): boolean {
    return generation === this.#generation &&
      this.pullOwner(sourceId, partition)?.nodeId === nodeId;
  }

  /** All leases, in order of the nodes' numbers. */
  leases(): HeldLease[] {
    return this.#nodes.map((node) => ({
      lease: leaseOf(node),
      ttlMs: node.leaseTtlMs,
      expired: node.expired,
    }));
  }

  register({ node }: RegisterNode, { index }: AppliedAt): Outcome {
    const bad = badNode(node);
    if (bad) return bad;
    const { nodeId, leaseTtlMs: ttlMs } = node!;
    const known = this.#get(nodeId);
    if (!known && this.#nodes.length >= routerNodesMax) {
      return noRoomFor("node_id", "nodes", routerNodesMax);
    }
    const entered = { ...node!, expired: false };
    return done([
      this.#set([...this.#without(nodeId), entered], index),
      { kind: "leaseStarted", lease: leaseOf(entered), ttlMs },
    ]);
  }

  deregister(
    { nodeId, registrationId }: DeregisterNode,
    at: AppliedAt,
  ): Outcome {
    const node = this.#get(nodeId);
    if (!node) return notFound("node_id", "registered node", `${nodeId}`);
    if (node.registrationId !== registrationId) {
      return refuse(
        Code.FailedPrecondition,
        "registration_id",
        `must be that of the present registration of node ${nodeId}`,
        registrationId,
      );
    }
    return done(this.#remove(node, at));
  }

  /** Its lease ran out: it pulls nothing. */
  expire(lease: LeaseRef, at: AppliedAt): readonly StateEvent[] {
    return this.#setExpired(lease, true, at);
  }

  /** It was heard of again. */
  revive(lease: LeaseRef, at: AppliedAt): readonly StateEvent[] {
    return this.#setExpired(lease, false, at);
  }

  /** It was not heard of again. */
  removeExpired(
    { id, registrationId }: LeaseRef,
    at: AppliedAt,
  ): readonly StateEvent[] {
    const node = this.#get(Number(id));
    return node?.expired && node.registrationId === registrationId
      ? this.#remove(node, at)
      : [];
  }

  freeze(): SnapshotEntries {
    if (this.#generation === 0) return [];
    const generation = this.#generation;
    return [{ nodes: { nodes: this.#nodes, generation } }];
  }

  load({ nodes }: SnapshotEntry): boolean {
    if (!nodes) return false;
    this.#set(nodes.nodes, nodes.generation);
    return true;
  }

  #setExpired(
    lease: LeaseRef,
    expired: boolean,
    { index }: AppliedAt,
  ): readonly StateEvent[] {
    const node = this.#get(Number(lease.id));
    if (node?.registrationId !== lease.registrationId) return [];
    if (node.expired === expired) return [];
    return [
      { kind: expired ? "leaseExpired" : "leaseRevived", lease },
      this.#set([...this.#without(node.nodeId), { ...node, expired }], index),
    ];
  }

  #remove(node: Readonly<RouterNode>, { index }: AppliedAt): StateEvent[] {
    return [
      this.#set(this.#without(node.nodeId), index),
      { kind: "leaseEnded", lease: leaseOf(node) },
    ];
  }

  #get(nodeId: number): Readonly<RouterNode> | undefined {
    return this.#nodes.find((each) => each.nodeId === nodeId);
  }

  #without(nodeId: number): Readonly<RouterNode>[] {
    return this.#nodes.filter((each) => each.nodeId !== nodeId);
  }

  #set(nodes: readonly Readonly<RouterNode>[], generation: number): StateEvent {
    this.#nodes = nodes.toSorted((a, b) => a.nodeId - b.nodeId);
    this.#live = this.#nodes.filter(({ expired }) => !expired)
      .map(({ nodeId }) => ({ nodeId, hash: hashText(`${nodeId}`) }));
    this.#generation = generation;
    return { kind: "pullOwnersChanged", generation };
  }
}

function leaseOf({ nodeId, registrationId }: Readonly<RouterNode>): LeaseRef {
  return { kind: LeaseKind.Node, id: `${nodeId}`, registrationId };
}

function badNode(node: RouterNode | undefined): Refused | undefined {
  const nodeId = node?.nodeId ?? 0;
  if (!node || !Number.isSafeInteger(nodeId) || nodeId < 1) {
    return refuse(
      Code.InvalidArgument,
      "node_id",
      "must be a whole number from 1",
      nodeId,
    );
  }
  return badId("registration_id", node.registrationId) ??
    badId("address", node.address) ?? badLease(node.leaseTtlMs);
}
