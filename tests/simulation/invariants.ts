/**
 * What must hold in a cluster at every moment, held against what the nodes show: what they write, what
 * they apply, and their status after each event. Only the first violation counts; whoever runs the
 * simulation looks for it after each event.
 *
 * - One leader a term; terms, commit and applied indexes never fall, over restarts either; one vote a
 *   term.
 * - Entries of one index and term are equal, and so are those before them.
 * - Only leaders commit, only entries of their own term, and only what is durable on a quorum.
 * - A new leader holds everything committed.
 * - What a leader believes to be on another's disk is there.
 * - Equal applied indexes mean equal states and memberships; a command takes effect once.
 */
import type {
  Entry,
  HardState,
  Status,
  StorageView,
} from "../../lib/raft/types.ts";
import { AppliedStates } from "./applied_states.ts";
import type { PersistJob } from "../../lib/storage/store.ts";

/** What was last seen of a node. */
interface Seen {
  readonly status: Status | undefined;
  readonly durable: HardState;
  readonly view: StorageView;
}

export class Invariants {
  readonly #seen = new Map<number, Seen>();
  readonly #leaders = new Map<number, number>();
  /** Entries by index, then term, with the term of the entry before. */
  readonly #entries = new Map<number, Map<number, [Entry, number]>>();
  /** Highest index known to be committed, and its term. */
  #committed = { index: 1, term: 1 };
  /** Terms of entries that were the last of a commit. */
  readonly #committedTerms = new Map<number, number>();
  readonly #states: AppliedStates;
  readonly #memberships = new Map<number, string>();
  #violation: string | undefined;

  /** `digest` is that of the state in which every node begins. */
  constructor(digest: number) {
    this.#states = new AppliedStates(digest);
  }

  /** The first thing that was wrong. */
  get violation(): string | undefined {
    return this.#violation;
  }

  get committed(): number {
    return this.#committed.index;
  }

  /** Terms that had a leader. */
  get terms(): number {
    return this.#leaders.size;
  }

  violate(what: string): void {
    this.#violation ??= what;
  }

  #note(wrong: string | undefined): void {
    if (wrong !== undefined) this.violate(wrong);
  }

  /** A node has opened its store: what it holds must be what it held, or what was on its way. */
  opened(node: number, view: StorageView): void {
    const { hardState } = view.initialState();
    const before = this.#seen.get(node);
    if (before !== undefined && node > 0) {
      this.#checkHardState(node, before.durable, hardState);
      this.#checkKept(node, before.view, view);
    }
    this.#seen.set(node, { status: undefined, durable: hardState, view });
    for (
      const entry of view.entries(
        view.firstIndex(),
        view.lastIndex() + 1,
        Infinity,
      )
    ) this.#checkEntry(node, entry, view.term(entry.index - 1));
  }

  /** A second process takes a node's disk over; what the first one does is observed as that of -node. */
  twinned(node: number): void {
    const seen = this.#seen.get(node);
    if (seen !== undefined) this.#seen.set(-node, seen);
  }

  /** Where the committed part of the log ends that a node would find after a crash. */
  durableCommit(node: number): number {
    return this.#seen.get(node)?.durable.commit ?? 0;
  }

  /** A write of a node has ended; `view` is that of its store. */
  persisted(
    node: number,
    { hardState, entries }: PersistJob,
    view: StorageView,
  ): void {
    // A process that was stopped may hear late of a write from before another took its disk over.
    const key = this.#seen.get(node)?.view === view ? node : -node;
    const seen = this.#seen.get(key);
    if (seen?.view !== view) return;
    if (hardState !== undefined) {
      this.#checkHardState(node, seen.durable, hardState);
      this.#seen.set(key, { ...seen, durable: hardState });
    }
    for (const [at, entry] of entries.entries()) {
      const before = at === 0
        ? termAt(seen.view, entry.index - 1)
        : entries[at - 1]!.term;
      if (before !== undefined) this.#checkEntry(node, entry, before);
    }
  }

  /** A node has applied a command, and holds the state with this digest. */
  applied(node: number, index: number, digest: number, command: string): void {
    this.#note(this.#states.applied(node, index, digest, command));
  }

  /** A node has taken its state from a snapshot. */
  restored(node: number, digest: number): void {
    if (this.#states.has(digest)) return;
    this.violate(`node ${node} restored a state that no log leads to`);
  }

  /** A node's status after an event, with the digest of its state. */
  observed(node: number, status: Status, digest: number): void {
    const seen = this.#seen.get(node)!;
    const before = seen.status;
    this.#seen.set(node, { ...seen, status });
    if (status.applied > status.commit) {
      this.violate(
        `node ${node} applied ${status.applied} of ${status.commit}`,
      );
    }
    if (before !== undefined) {
      for (const what of ["term", "commit", "applied"] as const) {
        if (status[what] < before[what]) {
          this.violate(
            `${what} of node ${node} fell from ${before[what]} to ${
              status[what]
            }`,
          );
        }
      }
    }
    if (status.role === "leader") {
      this.#checkLeader(node, status, seen.view);
      this.#checkMatches(node, status, before, seen.view);
    }
    if (status.commit > this.#committed.index) {
      this.#checkCommit(node, status, before, seen.view);
    }
    if (status.applied !== before?.applied) {
      this.#checkApplied(node, status, digest, seen.view);
    }
  }

  #checkLeader(node: number, { term }: Status, view: StorageView): void {
    const known = this.#leaders.get(term);
    if (known === Math.abs(node)) return;
    if (known !== undefined) {
      this.violate(`nodes ${known} and ${node} both lead in term ${term}`);
      return;
    }
    this.#leaders.set(term, Math.abs(node));
    const { index, term: committed } = this.#committed;
    if (!holds(view, index, committed)) {
      this.violate(
        `node ${node} leads in term ${term} without the committed entry ${index}`,
      );
    }
  }

  /** What a leader believes to be on the others' disks must be there. */
  #checkMatches(
    node: number,
    { term, peers }: Status,
    before: Status | undefined,
    view: StorageView,
  ): void {
    for (const [at, { id, match }] of peers.entries()) {
      const known = before?.term === term ? before.peers[at] : undefined;
      if (match === 0 || known?.id === id && known.match === match) continue;
      const own = termAt(view, match);
      const other = this.#seen.get(id);
      if (own === undefined || other === undefined) continue;
      // In a later term it may have replaced what it has acknowledged.
      if (other.durable.term > term) continue;
      if (!holds(other.view, match, own)) {
        this.violate(
          `node ${node} believes that node ${id} holds entry ${match} of term ${own}`,
        );
      }
    }
  }

  #checkCommit(
    node: number,
    status: Status,
    before: Status | undefined,
    view: StorageView,
  ): void {
    const { commit } = status;
    const leader = status.role === "leader"
      ? status
      : before?.role === "leader"
      ? before
      : undefined;
    if (leader === undefined) {
      this.violate(
        `node ${node} knows of commit ${commit}, and no leader does`,
      );
      return;
    }
    const { term } = leader;
    const own = termAt(view, commit);
    if (own !== undefined && own !== term) {
      this.violate(
        `node ${node} committed entry ${commit} of term ${own} in term ${term}`,
      );
    }
    const durable = (id: number): boolean => {
      const of = this.#seen.get(id);
      return of !== undefined && holds(of.view, commit, term);
    };
    // The change of membership may be among what was committed.
    const quorum = [before ?? status, status].some((members) =>
      isQuorum(members.voters, durable) &&
      isQuorum(members.votersOutgoing, durable)
    );
    if (!quorum) {
      this.violate(
        `node ${node} committed entry ${commit} that no quorum has on disk`,
      );
    }
    this.#committed = { index: commit, term };
    this.#committedTerms.set(commit, term);
  }

  #checkApplied(
    node: number,
    status: Status,
    digest: number,
    view: StorageView,
  ): void {
    const { applied } = status;
    // Otherwise a snapshot may be on its way in, and its membership is there already.
    if (applied === status.commit) this.#checkMembership(node, status);
    const term = this.#committedTerms.get(applied);
    const own = termAt(view, applied);
    if (term !== undefined && own !== undefined && own !== term) {
      this.violate(
        `node ${node} applied entry ${applied} of term ${own}: that of term ${term} is committed`,
      );
    }
    if (this.#states.at(applied).digest !== digest) {
      this.violate(`the state of node ${node} is not that of index ${applied}`);
    }
  }

  #checkMembership(node: number, status: Status): void {
    const { applied, voters, votersOutgoing, learners, learnersNext } = status;
    const membership = [voters, votersOutgoing, learners, learnersNext].join(
      " | ",
    );
    const known = this.#memberships.get(applied);
    if (known === undefined) this.#memberships.set(applied, membership);
    else if (known !== membership) {
      this.violate(
        `the membership after entry ${applied} is ${membership} at node ${node}, ${known} elsewhere`,
      );
    }
  }

  #checkHardState(node: number, before: HardState, now: HardState): void {
    if (now.term < before.term) {
      this.violate(
        `the durable term of node ${node} fell from ${before.term} to ${now.term}`,
      );
    }
    if (
      now.term === before.term && before.vote !== 0 && now.vote !== before.vote
    ) {
      this.violate(
        `node ${node} voted for ${before.vote} and ${now.vote} in term ${now.term}`,
      );
    }
    if (now.commit < before.commit) {
      this.violate(
        `the durable commit of node ${node} fell from ${before.commit} to ${now.commit}`,
      );
    }
  }

  /** What a restart has found must reach as far as what was durable, up to its commit. */
  #checkKept(node: number, before: StorageView, now: StorageView): void {
    const { commit } = before.initialState().hardState;
    const term = termAt(before, commit);
    if (term !== undefined && !holds(now, commit, term)) {
      this.violate(`node ${node} lost entry ${commit} in a restart`);
    }
    const applied = before.initialState().applied;
    if (now.initialState().applied < applied) {
      this.violate(`node ${node} lost its snapshot of ${applied} in a restart`);
    }
  }

  #checkEntry(node: number, entry: Entry, termBefore: number): void {
    const { index, term } = entry;
    let terms = this.#entries.get(index);
    if (terms === undefined) this.#entries.set(index, terms = new Map());
    const known = terms.get(term);
    if (known === undefined) {
      terms.set(term, [entry, termBefore]);
      return;
    }
    const [other, otherBefore] = known;
    if (other.type !== entry.type || !equal(other.data, entry.data)) {
      this.violate(
        `node ${node} stores another entry ${index} of term ${term} than others`,
      );
    }
    if (otherBefore !== termBefore) {
      this.violate(
        `node ${node} stores entry ${index} of term ${term} after term ${termBefore}, others after ${otherBefore}`,
      );
    }
  }
}

/** Whether a log holds the entry of this index and term, itself or in its snapshot. */
export function holds(view: StorageView, index: number, term: number): boolean {
  if (view.lastIndex() < index) return false;
  const own = termAt(view, index);
  return own === undefined || own === term;
}

/** Undefined where the log does not tell. */
function termAt(view: StorageView, index: number): number | undefined {
  if (index < view.firstIndex() - 1 || index > view.lastIndex()) {
    return undefined;
  }
  return view.term(index);
}

function isQuorum(
  voters: readonly number[],
  has: (id: number) => boolean,
): boolean {
  return voters.length === 0 || voters.filter(has).length > voters.length / 2;
}

function equal(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length &&
    one.every((byte, at) => byte === other[at]);
}
