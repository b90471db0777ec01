/**
 * What the other nodes' connections meet: who may speak to this node, and where what they bring goes.
 * A node that comes back with less than it has acknowledged is turned away for good, because a
 * quorum that counts on its disk would be none.
 */
import { Code, ConveyorError } from "../errors.ts";
import { membersOf } from "../raft/membership.ts";
import type { Message } from "../raft/types.ts";
import type {
  RaftStore,
  SnapshotManifest,
  SnapshotReceiver,
} from "../storage/store.ts";
import type { Driver } from "./driver.ts";
import type { Replicated } from "./replicated.ts";
import type { Hello, NodeStanding, RaftPeerPort } from "./transport.ts";

/** One node, as its peers' connections see it. */
export class RaftPeer<Event> implements RaftPeerPort {
  readonly #store: RaftStore;
  readonly #driver: Driver<Event>;
  readonly #replicated: Replicated<Event>;

  constructor(
    store: RaftStore,
    driver: Driver<Event>,
    replicated: Replicated<Event>,
  ) {
    this.#store = store;
    this.#driver = driver;
    this.#replicated = replicated;
  }

  standing(): NodeStanding {
    const { identity, incarnation, storeId, view } = this.#store;
    const lastIndex = view.lastIndex();
    return {
      ...identity,
      incarnation,
      storeId,
      lastIndex,
      lastTerm: view.term(lastIndex),
      term: view.initialState().hardState.term,
      ...this.#membership(identity.nodeId),
    };
  }

  admit(hello: Hello, claims: boolean): void {
    const { nodeId, lastIndex, term, address, memberAt } = hello;
    const { members } = this.#replicated;
    const member = members.get(nodeId);
    const status = this.#driver.status();
    // As long as a joint membership lasts, the vote of a node that is given up is needed.
    if (member?.removed && !membersOf(status).includes(nodeId)) {
      throw new ConveyorError(
        Code.FailedPrecondition,
        `Cannot talk to node ${nodeId}: it was removed; wipe its data directory and let it join under a new id`,
      );
    }
    // It may have become a member by a change that this node has yet to apply.
    const later = address !== "" && memberAt > this.#driver.applied;
    // Who is no member yet of a node that itself has still to learn the members is heard.
    if (member === undefined && members.list().length > 0 && !later) {
      throw new ConveyorError(
        Code.NotFound,
        `Cannot talk to node ${nodeId}: it is no member of the cluster`,
      );
    }
    const known = status.peers.find(({ id }) => id === nodeId)?.match ?? 0;
    // Whoever acknowledged in this term has it on disk; only in a later one may its log be shorter.
    if (claims && term <= status.term && known > lastIndex) {
      throw new ConveyorError(
        Code.DataLoss,
        `Cannot talk to node ${nodeId}: its durable log ends at ${lastIndex} and it has acknowledged ${known}; wipe its data directory and let it join under a new id`,
      );
    }
    if (later) this.#driver.learnPeer(nodeId, address, memberAt);
  }

  receive(messages: readonly Message[]): boolean {
    return this.#driver.receive(messages);
  }

  receiveSnapshot(manifest: SnapshotManifest): Promise<SnapshotReceiver> {
    return this.#store.receiveSnapshot(manifest);
  }

  snapshotReceived(message: Message): void {
    this.#driver.receive([message]);
  }

  #membership(own: number): Pick<Hello, "address" | "memberAt"> {
    const member = this.#replicated.members.get(own);
    return member === undefined || member.removed
      ? { address: "", memberAt: 0 }
      : { address: member.address, memberAt: this.#driver.applied };
  }
}
