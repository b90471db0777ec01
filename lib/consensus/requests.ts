/**
 * What callers ask of a node and wait for: commands, membership changes and linearizable reads. They
 * are gathered until the driver's next turn, which hands them to the core together, and settled when
 * the node has applied what they wait for, or can no longer say what becomes of them.
 */
import type { Clock } from "../clock.ts";
import { Code, ConveyorError } from "../errors.ts";
import { proposalsWaitingMax, readsWaitingMax } from "../limits.ts";
import type { RaftNode } from "../raft/node.ts";
import type {
  ConfChange,
  ConfChangeSingle,
  ReadState,
  SoftState,
} from "../raft/types.ts";
import type { RaftStore } from "../storage/store.ts";
import { encodeEnvelope, requestKey } from "./envelope.ts";
import { encodeMembershipContext } from "./membership_context.ts";
import { Proposals, type Proposed } from "./proposals.ts";
import { Reads } from "./reads.ts";
import { refusalError } from "./refusal.ts";
import type { Replicated } from "./replicated.ts";
import type { ConsensusSettings } from "./settings.ts";

/** What requests are made from, a part of what their driver is made of. */
export interface RequestsParts {
  readonly store: RaftStore;
  readonly replicated: Replicated<unknown>;
  readonly settings: ConsensusSettings;
  readonly clock: Clock;
}

/** The requests of one node. */
export class Requests {
  readonly proposals: Proposals = new Proposals();
  readonly #node: RaftNode;
  readonly #parts: RequestsParts;
  readonly #wake: () => void;
  readonly #reads: Reads;
  /** Commands for the next turn, in order. */
  #commands: { readonly request: string; readonly data: Uint8Array }[] = [];
  #changes: (() => void)[] = [];
  #leads = false;
  #applied: number;
  #stopped: Error | undefined;

  /** `wake` asks the driver for a turn. */
  constructor(node: RaftNode, parts: RequestsParts, wake: () => void) {
    this.#node = node;
    this.#parts = parts;
    this.#wake = wake;
    const { store, settings } = parts;
    this.#applied = store.view.initialState().applied;
    this.#reads = new Reads(store.incarnation, settings.electionTicks);
  }

  /** Has a command applied, once, whatever becomes of this node's lead. Only a leader takes it. */
  propose(requestId: Uint8Array, command: Uint8Array): Promise<Proposed> {
    const request = requestKey(requestId);
    const earlier = this.#earlier(request);
    if (earlier !== undefined) return earlier;
    const { replicated, clock } = this.#parts;
    const atMs = Math.max(clock.nowMs(), replicated.atMs);
    const data = encodeEnvelope({ requestId, atMs, command });
    this.#commands.push({ request, data });
    this.#wake();
    return this.proposals.open(request);
  }

  /** Has a membership change applied; `address` is that of the nodes it adds. */
  changeMembership(
    requestId: Uint8Array,
    changes: readonly ConfChangeSingle[],
    address: string,
  ): Promise<Proposed> {
    const request = requestKey(requestId);
    const earlier = this.#earlier(request);
    if (earlier !== undefined) return earlier;
    this.#changes.push(() => {
      const error = this.#proposeChange({
        version: 2,
        transition: "auto",
        changes,
        context: encodeMembershipContext({ requestId, address }),
      }, address);
      if (error) this.proposals.refuse(request, error);
    });
    this.#wake();
    return this.proposals.open(request);
  }

  /** Resolves when this node's state holds everything that was answered before the call. */
  read(): Promise<number> {
    if (this.#stopped) return Promise.reject(this.#stopped);
    if (this.#reads.size >= readsWaitingMax) {
      return Promise.reject(full("read", readsWaitingMax));
    }
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    this.#reads.add({ resolve, reject });
    this.#wake();
    return promise;
  }

  /** Hands the core what was gathered. */
  step(): void {
    const changes = this.#changes;
    this.#changes = [];
    for (const propose of changes) propose();
    const commands = this.#commands;
    this.#commands = [];
    const refusal = this.#node.propose(commands.map(({ data }) => data));
    if (refusal !== undefined) {
      const error = refusalError(refusal);
      for (const { request } of commands) this.proposals.refuse(request, error);
    }
    this.#ask();
  }

  /** Counts a tick. */
  tick(): void {
    this.#reads.tick();
    this.#ask();
  }

  confirmed(readStates: readonly ReadState[]): void {
    for (const readState of readStates) this.#reads.confirmed(readState);
  }

  /** The state holds the log up to `index` now. */
  applied(index: number): void {
    this.#applied = index;
    this.#reads.applied(index);
    this.#ask();
  }

  roleChanged({ role }: SoftState): void {
    const leads = role === "leader";
    if (this.#leads && !leads) this.proposals.refuseAll(outcomeUnknown());
    this.#leads = leads;
    // A question to a leader that is gone is never answered.
    this.#reads.askAgain();
    this.#wake();
  }

  /** Refuses all, now and from now on. */
  stop(reason: Error): void {
    this.#stopped = reason;
    this.proposals.refuseAll(reason);
    this.#reads.rejectAll(reason);
  }

  /** Asks the quorum for the reads that wait, if no question is under way. */
  #ask(): void {
    const question = this.#reads.question();
    if (question === undefined) return;
    const refusal = this.#node.readIndex(question);
    if (refusal !== undefined) {
      this.#reads.rejectUnconfirmed(refusalError(refusal));
    }
  }

  #proposeChange(
    change: ConfChange,
    address: string,
  ): ConveyorError | undefined {
    const refused = this.#parts.replicated.members.refusal(change, address);
    if (refused !== undefined) return refused;
    const refusal = this.#node.proposeConfChange(change);
    return refusal && refusalError(refusal);
  }

  /** What a request is told at once: because it came before, or cannot be taken. */
  #earlier(request: string): Promise<Proposed> | undefined {
    if (this.#stopped) return Promise.reject(this.#stopped);
    if (!this.#leads) return Promise.reject(refusalError("noLeader"));
    const answer = this.#parts.replicated.answerTo(request);
    if (answer !== undefined) {
      return Promise.resolve({ index: this.#applied, answer });
    }
    const waiting = this.proposals.get(request);
    if (waiting === undefined && this.proposals.size >= proposalsWaitingMax) {
      return Promise.reject(full("propose", proposalsWaitingMax));
    }
    return waiting;
  }
}

function outcomeUnknown(): ConveyorError {
  return new ConveyorError(
    Code.Unavailable,
    "Cannot say what became of the request: this node lost the lead; send it again under the same id",
  );
}

function full(what: string, max: number): ConveyorError {
  return new ConveyorError(
    Code.ResourceExhausted,
    `Cannot ${what}: ${max} requests wait on this node already`,
  );
}
