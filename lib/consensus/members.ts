/**
 * Where the members are, and which ids were given up: part of the replicated state beside the
 * membership that Raft itself keeps. An id is never used again, because a node that comes back with
 * an empty disk under its old id could vote a second time in a term that it has forgotten. The
 * address of a node that was given up is kept: until a joint membership is left, its vote is needed.
 */
import { Code, ConveyorError, invalidArgument } from "../errors.ts";
import type { ConfChange } from "../raft/types.ts";
import { asV2 } from "../raft/conf_change.ts";

/** A member or former member. */
export interface Member {
  readonly id: number;
  /** Where its Raft server is dialled: `http://host:port`. */
  readonly address: string;
  /** Given up, for good. */
  readonly removed: boolean;
}

/** Members by id, as of the last change that was applied. */
export class Members {
  readonly #members = new Map<number, Member>();

  constructor(members: readonly Member[] = []) {
    for (const member of members) this.#members.set(member.id, member);
  }

  /** All that ever were, ids ascending. */
  list(): readonly Member[] {
    return [...this.#members.values()].sort((a, b) => a.id - b.id);
  }

  get(id: number): Member | undefined {
    return this.#members.get(id);
  }

  /** Why `change` may not be proposed, with `address` for the nodes it adds. */
  refusal(change: ConfChange, address: string): ConveyorError | undefined {
    for (const { type, nodeId } of asV2(change).changes) {
      const member = this.#members.get(nodeId);
      if (member?.removed) {
        return new ConveyorError(
          Code.AlreadyExists,
          `Cannot take in node ${nodeId}: a node of that id was removed, and ids are never used again`,
        );
      }
      if (member !== undefined) continue;
      if (type === "removeNode" || type === "updateNode") {
        return new ConveyorError(
          Code.NotFound,
          `Cannot change node ${nodeId}: it is no member`,
        );
      }
      if (address === "") {
        return invalidArgument(
          "address",
          "must be given for a new node",
          address,
        );
      }
    }
    return undefined;
  }

  /** Takes over a change that was committed; `address` is that of the nodes it adds. */
  apply(change: ConfChange, address: string): void {
    for (const { type, nodeId } of asV2(change).changes) {
      if (nodeId === 0) continue;
      const known = this.#members.get(nodeId);
      this.#members.set(nodeId, {
        id: nodeId,
        address: address || (known?.address ?? ""),
        removed: type === "removeNode",
      });
    }
  }
}
