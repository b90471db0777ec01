/**
 * The words of the consensus core: what goes in, what comes out, and what it asks of the storage.
 * Terms, indexes and ids are safe integers; 0 means "none" for an id and "before the log" for an
 * index. Everything is readonly: what the core has given away is never changed afterwards.
 */
import type { Random } from "../random.ts";

/** What an entry holds: bytes for the state machine, or an encoded membership change. */
export type EntryType = "normal" | "confChange" | "confChangeV2";

/** One place of the log. `data` is never changed once the entry exists. */
export interface Entry {
  readonly term: number;
  readonly index: number;
  readonly type: EntryType;
  readonly data: Uint8Array;
}

/** Where a log stands: its entry at `index` is of `term`. */
export interface LogPosition {
  readonly index: number;
  readonly term: number;
}

/** What must survive a crash beside the log; the three are always written together. */
export interface HardState {
  readonly term: number;
  /** Who got this node's vote in `term`, 0 when nobody. */
  readonly vote: number;
  readonly commit: number;
}

/** What is worth logging and watching, and need not survive a crash. */
export interface SoftState {
  /** The leader this node follows, 0 when unknown. */
  readonly lead: number;
  readonly role: Role;
}

export type Role = "follower" | "preCandidate" | "candidate" | "leader";

/** A membership, ids ascending. Joint while `votersOutgoing` is not empty. */
export interface ConfState {
  readonly voters: readonly number[];
  readonly votersOutgoing: readonly number[];
  readonly learners: readonly number[];
  /** Voters of the outgoing half that become learners when the joint membership is left. */
  readonly learnersNext: readonly number[];
  /** The leader leaves the joint membership by itself once it is applied. */
  readonly autoLeave: boolean;
}

/** The state machine up to `index`. The core passes `data` on without looking at it. */
export interface Snapshot {
  readonly index: number;
  readonly term: number;
  readonly confState: ConfState;
  readonly data: Uint8Array;
}

/** One step of a membership change. A `nodeId` of 0 is skipped: the embedder's way to say no. */
export interface ConfChangeSingle {
  readonly type: "addNode" | "removeNode" | "updateNode" | "addLearner";
  readonly nodeId: number;
}

/** How a joint membership is entered and left; "auto" takes it only when one step is not enough. */
export type ConfChangeTransition = "auto" | "jointImplicit" | "jointExplicit";

/** A change of one voter, or of one learner. */
export interface ConfChangeV1 {
  readonly version: 1;
  readonly change: ConfChangeSingle;
  readonly context: Uint8Array;
}

/** Any number of changes as one. Without changes and "auto" it leaves the joint membership. */
export interface ConfChangeV2 {
  readonly version: 2;
  readonly transition: ConfChangeTransition;
  readonly changes: readonly ConfChangeSingle[];
  readonly context: Uint8Array;
}

export type ConfChange = ConfChangeV1 | ConfChangeV2;

export type MessageType =
  | "MsgProp"
  | "MsgApp"
  | "MsgAppResp"
  | "MsgVote"
  | "MsgVoteResp"
  | "MsgPreVote"
  | "MsgPreVoteResp"
  | "MsgHeartbeat"
  | "MsgHeartbeatResp"
  | "MsgSnap"
  | "MsgTimeoutNow"
  | "MsgTransferLeader"
  | "MsgReadIndex"
  | "MsgReadIndexResp";

/**
 * What nodes say to each other. All fields are always there, so that every message has one shape;
 * those without a meaning for its type are 0, false or empty.
 */
export interface Message {
  readonly type: MessageType;
  /** The sender; of a MsgTransferLeader, the node that shall lead. */
  readonly from: number;
  readonly to: number;
  /** The sender's term; 0 for MsgProp and MsgReadIndex, which outlive an election. */
  readonly term: number;
  /** Term of the entry at `index`; of a rejection, term of the entry at `rejectHint`. */
  readonly logTerm: number;
  readonly index: number;
  readonly entries: readonly Entry[];
  readonly commit: number;
  /** Always 0 between nodes; transcripts write a persist job as a message, with its vote here. */
  readonly vote: number;
  readonly reject: boolean;
  readonly rejectHint: number;
  readonly snapshot: Snapshot | undefined;
  readonly context: Uint8Array;
}

/** A read may be served once `index` is applied. */
export interface ReadState {
  readonly index: number;
  readonly context: Uint8Array;
}

/** What waits for a job, the node's own share included. Told for traces; nobody else acts on it. */
export interface OnDurable {
  /** Votes and acks in the order of emission, to the node itself too: those never leave it. */
  readonly answers: readonly Message[];
  /** Up to where its log is durable then, if some of it was not. */
  readonly last: LogPosition | undefined;
}

/** Work given out by the core; lib/raft/node.ts says in which order it is to be done. */
export interface Ready {
  /** Number of this Ready, one more than the last. `durable(job)` says that it is done. */
  readonly job: number;
  readonly softState: SoftState | undefined;
  readonly hardState: HardState | undefined;
  /** To be stored; an entry stored earlier at or after the first one's index is replaced. */
  readonly entries: readonly Entry[];
  readonly snapshot: Snapshot | undefined;
  readonly committedEntries: readonly Entry[];
  /** In the order of emission; `waitsForPersist` tells which must wait for `durable`. */
  readonly messages: readonly Message[];
  readonly readStates: readonly ReadState[];
  /** False when losing this Ready's hard state in a crash would break no promise. */
  readonly mustSync: boolean;
  readonly onDurable: OnDurable;
}

/** Why an input was not taken. Nothing has changed, unless the reason says otherwise. */
export type Refusal =
  /** Nobody known leads; try again later. */
  | "noLeader"
  /** The leader is no member any more. */
  | "notMember"
  /** A leadership transfer is under way. */
  | "transferring"
  /** Too many bytes are proposed and not yet applied. */
  | "uncommittedFull"
  /** Another change is pending, or this one does not fit; an empty entry takes its place. */
  | "confChangeRefused"
  /** The peer is no member, or may not lead. */
  | "unknownPeer"
  /** The node leads already, may not vote, or has a membership change to apply first. */
  | "cannotCampaign"
  /** Too many reads wait for their confirmation. */
  | "tooManyReads"
  /** The message contradicts itself. */
  | "malformed";

/** How the leader sends to a peer: one at a time, in a window, or not until a snapshot is in. */
export type ProgressState = "probe" | "replicate" | "snapshot";

/** What the leader knows of one member. */
export interface PeerStatus {
  readonly id: number;
  readonly learner: boolean;
  readonly state: ProgressState;
  readonly match: number;
  readonly next: number;
  readonly paused: boolean;
  readonly pendingSnapshot: number;
  /** Heard from since the last check of the quorum but one: just after a check nobody has spoken yet. */
  readonly recentActive: boolean;
  readonly inflight: number;
  readonly inflightFull: boolean;
}

/** A picture of the node for operators and tests. */
export interface Status extends HardState, SoftState, ConfState {
  readonly id: number;
  readonly applied: number;
  readonly leadTransferee: number;
  /** Ascending by id; empty unless this node leads. */
  readonly peers: readonly PeerStatus[];
}

/** What a node starts from. */
export interface InitialState {
  readonly hardState: HardState;
  /** The membership at `applied`; later changes are applied again from the log. */
  readonly confState: ConfState;
  /** Index up to which the state machine was restored: the snapshot's, 0 without one. */
  readonly applied: number;
}

/**
 * What is durable, read without waiting. `term` is asked from `firstIndex() - 1` to `lastIndex()`,
 * `entries` only between `firstIndex()` and `lastIndex() + 1`. A job's effect shows before the
 * core is told that it is durable, and never before it is.
 */
export interface StorageView {
  initialState(): InitialState;
  /** Index after the snapshot, so 1 when nothing was ever compacted. */
  firstIndex(): number;
  /** `firstIndex() - 1` when the log is empty. */
  lastIndex(): number;
  term(index: number): number;
  /** From `lo` to before `hi`: at least one, then as many as stay within `maxBytes`. */
  entries(lo: number, hi: number, maxBytes: number): readonly Entry[];
  /** The newest snapshot, or undefined when it cannot be had right now. */
  snapshot(): Snapshot | undefined;
}

/** What a node is made of. Sizes are in bytes; `Infinity` means no limit. */
export interface Config {
  readonly id: number;
  /** Ticks without a leader before an election starts; drawn anew each time from [T, 2T). */
  readonly electionTicks: number;
  readonly heartbeatTicks: number;
  /** Bound of one append's entries; one entry always goes, whatever its size. */
  readonly maxBytesPerMessage: number;
  /** Appends to one peer that it has not answered; then only empty ones go. */
  readonly maxInflightMessages: number;
  readonly maxInflightBytes: number;
  /** Bound of the committed entries given out and not yet reported as applied. */
  readonly maxCommittedBytesPerReady: number;
  /** Bound of the data proposed and not yet applied on the leader; then proposals are refused. */
  readonly maxUncommittedBytes: number;
  /** Reads that wait for their confirmation; then reads are refused. */
  readonly maxPendingReads: number;
  /** Ask whether an election could be won before starting it. */
  readonly preVote: boolean;
  /** A leader that does not hear from a quorum steps down, and followers of a live one keep it. */
  readonly checkQuorum: boolean;
  /** A leader that is removed or made a learner steps down once the change is applied. */
  readonly stepDownOnRemoval: boolean;
  /**
   * True: several Readys may be under way, and committed entries are given out once they are
   * durable here. False: one at a time, and committed entries may be those of the same Ready.
   */
  readonly asyncStorageWrites: boolean;
  /** Draws the election timeouts; seeded where runs must repeat. */
  readonly random: Random;
  readonly storage: StorageView;
}
