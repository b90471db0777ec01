/**
 * The state of one node and its four roles: what changes when a node becomes follower, candidate or
 * leader, and how messages leave. The rules that drive it live in step.ts and the files it calls;
 * all of them work on this one object and none of them keeps state of its own.
 */
import { invariant } from "../invariant.ts";
import type {
  Config,
  ConfState,
  HardState,
  MessageType,
  ReadState,
  Role,
  SoftState,
} from "./types.ts";
import { RaftLog } from "./log.ts";
import { normalMembership } from "./membership.ts";
import { answersFromDisk, type Draft, draft } from "./message.ts";
import { ReadIndex } from "./read_index.ts";
import { Tracker } from "./tracker.ts";

/** One node. Only the files of this folder touch it. */
export class Core {
  readonly id: number;
  readonly config: Config;
  readonly log: RaftLog;
  readonly tracker: Tracker;
  /** As of the last change applied: behind the tracker's while a snapshot is being installed. */
  appliedMembership: ConfState;
  role: Role = "follower";
  /** The leader this node follows, 0 when unknown. */
  lead = 0;
  /** The member that shall take over, 0 when none. */
  leadTransferee = 0;
  /** No membership change enters the log before this index is applied. */
  pendingConfIndex = 0;
  /** Bytes proposed in this term and not yet applied. */
  uncommittedBytes = 0;
  reads: ReadIndex;
  readStates: ReadState[] = [];
  /** Messages, and those that wait behind the persist job: two queues, each in order of emission. */
  messages: Draft[] = [];
  answers: Draft[] = [];
  /** Ticks since the leader was heard from; on a leader, since the quorum was checked. */
  electionElapsed = 0;
  heartbeatElapsed = 0;
  electionTimeout = 0;
  #term = 0;
  #vote = 0;

  constructor(config: Config) {
    this.id = config.id;
    this.config = config;
    this.log = new RaftLog(config.storage, config.maxCommittedBytesPerReady);
    this.tracker = new Tracker(config);
    this.reads = new ReadIndex(config.maxPendingReads);
    const { hardState, confState, applied } = config.storage.initialState();
    this.appliedMembership = normalMembership(confState);
    this.tracker.change(
      this.appliedMembership,
      Math.max(this.log.lastIndex(), 1),
    );
    this.#term = hardState.term;
    this.#vote = hardState.vote;
    // What a snapshot holds was committed, even if that mark was lost in the crash.
    this.log.commitTo(Math.max(hardState.commit, applied));
    this.log.appliedTo(applied);
    this.becomeFollower(this.#term, 0);
  }

  get term(): number {
    return this.#term;
  }

  get vote(): number {
    return this.#vote;
  }

  hardState(): HardState {
    return {
      term: this.#term,
      vote: this.#vote,
      commit: this.log.committed,
    };
  }

  softState(): SoftState {
    return { lead: this.lead, role: this.role };
  }

  /** Queues a message of this term; the caller fills in the rest. */
  emit(type: MessageType, to: number, term: number = this.#term): Draft {
    const message = draft(type, this.id, to, term);
    if (answersFromDisk(type)) {
      this.answers.push(message);
    } else {
      invariant(to !== this.id, "a message to itself would skip the disk");
      this.messages.push(message);
    }
    return message;
  }

  /** Gives this term's vote to `id`; it is never taken back or given again. */
  voteFor(id: number): void {
    invariant(
      this.#vote === 0 || this.#vote === id,
      "a second vote in one term",
    );
    this.#vote = id;
  }

  becomeFollower(term: number, lead: number): void {
    this.#reset(term);
    this.role = "follower";
    this.lead = lead;
  }

  /** Asks before it runs: neither term nor vote change. */
  becomePreCandidate(): void {
    invariant(this.role !== "leader", "a leader asks for votes");
    this.tracker.resetVotes();
    this.role = "preCandidate";
    this.lead = 0;
  }

  becomeCandidate(): void {
    invariant(this.role !== "leader", "a leader asks for votes");
    this.#reset(this.#term + 1);
    this.role = "candidate";
    this.voteFor(this.id);
  }

  becomeLeader(): void {
    invariant(
      this.role === "candidate",
      "a node leads without an election of its own",
    );
    this.#reset(this.#term);
    this.role = "leader";
    this.lead = this.id;
    const own = this.tracker.get(this.id);
    invariant(own, "a node leads that is no member");
    own.becomeReplicate();
    own.recentActive = true;
    // The log may end in changes of earlier leaders that are not applied here: none may follow
    // before they are, and by then an entry of the own term has committed them. A change that is in
    // no log but an old leader's has no effect, since changes take effect when they are applied.
    this.pendingConfIndex = this.log.lastIndex();
  }

  /** Whether this node may ask for votes. */
  promotable(): boolean {
    const own = this.tracker.get(this.id);
    return own !== undefined && !own.learner &&
      this.log.unstable.snapshot === undefined;
  }

  abortTransfer(): void {
    this.leadTransferee = 0;
  }

  /** Draws the ticks without a leader after which this node runs: from [T, 2T). */
  drawElectionTimeout(): void {
    const { electionTicks, random } = this.config;
    this.electionTimeout = electionTicks +
      Math.floor(random() * electionTicks);
  }

  /** A new term forgets the vote, the same term keeps it. */
  #reset(term: number): void {
    invariant(term >= this.#term, "the term fell");
    if (term !== this.#term) {
      this.#term = term;
      this.#vote = 0;
    }
    this.lead = 0;
    this.electionElapsed = 0;
    this.heartbeatElapsed = 0;
    this.drawElectionTimeout();
    this.abortTransfer();
    this.tracker.reset(this.id, this.log.lastIndex());
    this.pendingConfIndex = 0;
    this.uncommittedBytes = 0;
    this.reads = new ReadIndex(this.config.maxPendingReads);
  }
}
