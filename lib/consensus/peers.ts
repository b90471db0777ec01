/**
 * Where the other members are dialled. What this node has applied says so; but one that is behind may
 * not know its leader yet, or only its earlier address, and without an answer from here that leader
 * never brings it further. So what a member says of itself, as of an index that is yet to be applied
 * here, counts until then.
 */
import { knownPeersMax } from "../limits.ts";
import type { Status } from "../raft/types.ts";
import type { Members } from "./members.ts";

interface Later {
  readonly address: string;
  /** Index of the log at which it was a member there. */
  readonly memberAt: number;
}

export class Peers {
  readonly #later = new Map<number, Later>();

  /** A node says that it was a member as of `memberAt`; whether that is news. */
  learn(nodeId: number, address: string, memberAt: number): boolean {
    const known = this.#later.get(nodeId);
    if (known !== undefined && known.memberAt >= memberAt) return false;
    // Last heard, last forgotten.
    this.#later.delete(nodeId);
    this.#later.set(nodeId, { address, memberAt });
    if (this.#later.size > knownPeersMax) {
      this.#later.delete(this.#later.keys().next().value!);
    }
    return known?.address !== address;
  }

  /** Node id to address, on a node that has applied the log up to `applied`. */
  at(
    applied: number,
    { id: own, voters, votersOutgoing, learners, learnersNext }: Status,
    members: Members,
  ): ReadonlyMap<number, string> {
    const ids = [...voters, ...votersOutgoing, ...learners, ...learnersNext];
    // A node that joins does not know the membership yet, but whom it was told to answer.
    const known = ids.length > 0 ? ids : members.list().map(({ id }) => id);
    const peers = new Map<number, string>();
    for (const id of known) {
      if (id !== own) peers.set(id, members.get(id)?.address ?? "");
    }
    for (const [id, { address, memberAt }] of this.#later) {
      if (memberAt > applied) peers.set(id, address);
      else this.#later.delete(id);
    }
    return peers;
  }
}
