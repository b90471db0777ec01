/**
 * A node of the group: inputs in, work out, no waiting in between. Everything is synchronous; time
 * is `tick`, the network is `step`, the disk and the state machine answer by `durable` and
 * `applied`.
 *
 * The embedder's contract. One owner calls the node, never from inside another call. Whenever
 * `hasReady()`, it takes `ready()` and does, in this order:
 *
 * 1. Sends the messages that may go now: those for which `waitsForPersist` is false.
 * 2. Writes `snapshot`, `hardState` and `entries` as one atomic unit. Entries replace stored ones
 *    from the first one's index on. Jobs are written in the order of their numbers; several may
 *    become one write. A failed write is fatal: the node is not called again.
 * 3. Loads the state machine from `snapshot`, if there is one, and skips what it was still to apply
 *    of earlier Readys: the snapshot holds it.
 * 4. Calls `durable(job)`, for every job or once for the last of several, also when there was
 *    nothing to write; the storage view shows the effect by then. Then sends the messages that
 *    waited, in their order. Only now does the node's own vote or ack count.
 * 5. Applies `committedEntries` in order, and calls `applyConfChange` for each one that decodes to
 *    a membership change (with node ids 0 to say no). Calls `applied(index)` when the state
 *    machine holds an index, in as many slices as it likes. Serves `readStates` whose index is
 *    applied. Clients are answered after this.
 *
 * `advance(ready)` is steps 4 and 5's notices at once, for embedders that do all in one go. With
 * `asyncStorageWrites` the next Ready may be taken while earlier jobs are under way, and committed
 * entries are durable already; without it one Ready is under way at a time, and its committed
 * entries may be among its own `entries`, so they are applied after step 2.
 *
 * The outcome of every MsgSnap is told by `reportSnapshot` and a broken connection by
 * `reportUnreachable`: a member that awaits a snapshot is sent nothing else until one of them, or
 * its ack, comes. All other messages may be lost, repeated and reordered.
 *
 * A new group starts from a snapshot that holds its first members, at the same index (1, say) and
 * term on each of them, so that who joins later is sent that snapshot and learns of them too. A
 * node that joins starts from empty storage. Before the leader compacts its log, its storage has a
 * snapshot up to there.
 *
 * Buffers: the core keeps no byte array it is given; what it keeps, it copies. Whatever it gives
 * out (entries, contexts, snapshots, arrays) is never changed again, by either side, and may be
 * kept. The data of small entries shares its buffer with that of their neighbours in the log, so a
 * state machine that keeps a few bytes for long copies them.
 */
import { invariant } from "../invariant.ts";
import type {
  ConfChange,
  Config,
  ConfState,
  Entry,
  HardState,
  Message,
  Ready,
  Refusal,
  SoftState,
  Status,
} from "./types.ts";
import { encodeConfChange } from "./conf_change.ts";
import { checkConfig } from "./config.ts";
import { Core } from "./core.ts";
import { run } from "./election.ts";
import { JobQueue } from "./job_queue.ts";
import { draft, isForwarded, isResponse, isWellFormed } from "./message.ts";
import { brokenRule } from "./membership.ts";
import { maybeAutoLeave } from "./proposal.ts";
import { reconfigure } from "./reconfigure.ts";
import { step, tick } from "./step.ts";

/** One node of a Raft group. */
export class RaftNode {
  readonly #core: Core;
  readonly #jobs: JobQueue;
  readonly #overlapping: boolean;
  #softState: SoftState;
  #hardState: HardState;

  /** Starts from what storage holds. Throws ConveyorError (InvalidArgument) for a bad option. */
  constructor(config: Config) {
    checkConfig(config);
    this.#core = new Core(config);
    this.#jobs = new JobQueue(this.#core);
    this.#overlapping = config.asyncStorageWrites;
    this.#softState = this.#core.softState();
    this.#hardState = this.#core.hardState();
  }

  /** Lets one tick of time pass: elections, heartbeats, the check of the quorum. */
  tick(): void {
    tick(this.#core);
  }

  /** Takes a message of a peer. */
  step(message: Message): Refusal | undefined {
    const { type, from, snapshot } = message;
    if (!isWellFormed(message)) return "malformed";
    if (snapshot && brokenRule(snapshot.confState)) return "malformed";
    // What this node says to itself does not come over the network.
    if (from === this.#core.id && !isForwarded(type)) return "malformed";
    const known = this.#core.tracker.get(from) !== undefined;
    if (!known && isResponse(type)) return "unknownPeer";
    return step(this.#core, message);
  }

  /** Runs for leader now, with a pre-vote first where that is configured. */
  campaign(): Refusal | undefined {
    const { preVote } = this.#core.config;
    return run(this.#core, preVote ? "preElection" : "election");
  }

  /** Proposes entries, here or at the leader; all of them or none. */
  propose(data: readonly Uint8Array[]): Refusal | undefined {
    if (data.length === 0) return undefined;
    return this.#propose(
      data.map((bytes) => ({ term: 0, index: 0, type: "normal", data: bytes })),
    );
  }

  /** Proposes a membership change, here or at the leader. */
  proposeConfChange(change: ConfChange): Refusal | undefined {
    const { type, data } = encodeConfChange(change);
    return this.#propose([{ term: 0, index: 0, type, data }]);
  }

  /** Applies a committed membership change; the membership from here on. */
  applyConfChange(change: ConfChange): ConfState {
    return reconfigure(this.#core, change);
  }

  /** Asks for the index that a linearizable read must see; a ReadState with `context` answers. */
  readIndex(context: Uint8Array): Refusal | undefined {
    const request = draft("MsgReadIndex", this.#core.id, 0, 0);
    request.context = context;
    return step(this.#core, request);
  }

  /** Hands the lead to a voter; it is given up after an election timeout. */
  transferLeader(id: number): Refusal | undefined {
    return step(
      this.#core,
      draft("MsgTransferLeader", id, 0, this.#core.term),
    );
  }

  /** Makes a follower forget its leader, and so free to vote for another. */
  forgetLeader(): void {
    if (this.#core.role === "follower") this.#core.lead = 0;
  }

  /** Says that messages to `id` are being lost. */
  reportUnreachable(id: number): void {
    const progress = this.#core.tracker.get(id);
    if (this.#core.role !== "leader" || !progress) return;
    // In a window that is lost every append behind the first would be lost work.
    if (progress.state === "replicate") progress.becomeProbe();
  }

  /** Says whether the snapshot to `id` arrived. */
  reportSnapshot(id: number, ok: boolean): void {
    const progress = this.#core.tracker.get(id);
    if (this.#core.role !== "leader" || progress?.state !== "snapshot") return;
    if (ok) progress.becomeProbe();
    else progress.snapshotFailed();
    // Its ack, or a heartbeat, says when to go on.
    progress.pause();
  }

  /** Whether there is work to take. */
  hasReady(): boolean {
    const { log, messages, answers, readStates } = this.#core;
    return messages.length > 0 || answers.length > 0 || log.unstable.hasNext ||
      log.unstable.nextSnapshot() !== undefined ||
      log.hasNextCommitted(!this.#overlapping) || readStates.length > 0 ||
      this.#softStateChanged() || this.#hardStateChanged();
  }

  /** Takes the work there is; it is the embedder's from here on. */
  ready(): Ready {
    const core = this.#core;
    const { log } = core;
    invariant(
      this.#overlapping || this.#jobs.isEmpty,
      "a Ready was taken before the last one was reported durable",
    );
    const softState = this.#softStateChanged() ? core.softState() : undefined;
    const hardState = this.#hardStateChanged() ? core.hardState() : undefined;
    const entries = log.unstable.nextEntries();
    const snapshot = log.unstable.nextSnapshot();
    const committedEntries = log.nextCommitted(!this.#overlapping);
    const { readStates } = core;
    const mustSync = entries.length > 0 || (hardState !== undefined && (
      hardState.term !== this.#hardState.term ||
      hardState.vote !== this.#hardState.vote
    ));
    const { number, messages, onDurable } = this.#jobs.open(snapshot);
    core.readStates = [];
    log.unstable.acceptInProgress();
    log.acceptCommitted(committedEntries, !this.#overlapping);
    if (softState) this.#softState = softState;
    if (hardState) this.#hardState = hardState;
    return {
      job: number,
      softState,
      hardState,
      entries,
      snapshot,
      committedEntries,
      messages,
      readStates,
      mustSync,
      onDurable,
    };
  }

  /** Says that all jobs up to `job` are durable. */
  durable(job: number): void {
    this.#jobs.close(job);
  }

  /** Says that the state machine holds everything up to `index`. */
  applied(index: number): void {
    const core = this.#core;
    const bytes = core.log.appliedTo(index);
    core.uncommittedBytes = Math.max(0, core.uncommittedBytes - bytes);
    maybeAutoLeave(core);
  }

  /** Says that all of `ready` is done. */
  advance(ready: Ready): void {
    this.durable(ready.job);
    const last = ready.committedEntries.at(-1);
    if (last !== undefined) this.applied(last.index);
  }

  /** A picture of the node. */
  status(): Status {
    const { id, log, tracker, leadTransferee } = this.#core;
    const peers = this.#core.role === "leader"
      ? tracker.ids.map((peer) => tracker.get(peer)!.status(peer))
      : [];
    return {
      id,
      ...this.#core.hardState(),
      ...this.#core.softState(),
      ...tracker.membership,
      applied: log.applied,
      leadTransferee,
      peers,
    };
  }

  /** Sets the ticks without a leader after which this node runs, until they are drawn again. */
  setRandomizedElectionTimeout(ticks: number): void {
    this.#core.electionTimeout = ticks;
  }

  #propose(entries: readonly Entry[]): Refusal | undefined {
    const proposal = draft("MsgProp", this.#core.id, 0, 0);
    proposal.entries = entries;
    return step(this.#core, proposal);
  }

  #softStateChanged(): boolean {
    const { lead, role } = this.#core;
    return lead !== this.#softState.lead || role !== this.#softState.role;
  }

  #hardStateChanged(): boolean {
    const { term, vote, log } = this.#core;
    const before = this.#hardState;
    return term !== before.term || vote !== before.vote ||
      log.committed !== before.commit;
  }
}
