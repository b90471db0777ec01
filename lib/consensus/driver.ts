/**
 * The one owner of a node's Raft core. Everything that happens to the node (messages, proposals,
 * reads, ticks, finished writes) is queued and taken in turns; a turn never waits and is never
 * entered twice. What comes out is carried out in the order that Raft's safety rests on, here and
 * nowhere else: persist before sending what depends on it, apply before answering.
 *
 * A node that meets a state that cannot be, or whose disk fails it, stops for good: `failed` tells.
 */
import type { Clock } from "../clock.ts";
import { Code, ConveyorError } from "../errors.ts";
import { inboxMessagesMax, inboxSliceMessages } from "../limits.ts";
import { log } from "../log.ts";
import { RaftNode } from "../raft/node.ts";
import { waitsForPersist } from "../raft/message.ts";
import type { Message, SoftState, Status } from "../raft/types.ts";
import type { Random } from "../random.ts";
import type { Scheduler } from "../scheduler.ts";
import { decodeManifest } from "../storage/manifest.ts";
import type { RaftStore } from "../storage/store.ts";
import { Applier } from "./applier.ts";
import { type CoreBounds, coreBounds } from "./core_bounds.ts";
import { Outbox } from "./outbox.ts";
import { Peers } from "./peers.ts";
import { PersistQueue, type Write } from "./persist_queue.ts";
import type { Replicated } from "./replicated.ts";
import { Requests } from "./requests.ts";
import type { ConsensusSettings } from "./settings.ts";
import { Suspicion } from "./suspicion.ts";
import type { RaftTransport, TransportEvents } from "./transport.ts";

/** What a driver is made of. */
export interface DriverParts<Event> {
  readonly store: RaftStore;
  /** Restored from the store's snapshot already. */
  readonly replicated: Replicated<Event>;
  /** Makes the way to the other nodes, which tells the driver of what it meets. */
  readonly connect: (events: TransportEvents) => RaftTransport;
  readonly settings: ConsensusSettings;
  /** @default those of the limits; tests make them small, to come to them */
  readonly bounds?: Partial<CoreBounds>;
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  /** Told of every command that was applied, in order. Must not throw. */
  readonly onApplied: (
    index: number,
    events: readonly Event[],
    replaced: boolean,
  ) => void;
  /** Told when the state was replaced by a snapshot: events before `index` are not to be had. */
  readonly onRestored: (index: number) => void;
  /** Told when the role or the known leader changes. */
  readonly onRole: (role: SoftState) => void;
}

/** One node, running. */
export class Driver<Event> implements TransportEvents {
  /** What callers ask of the node. */
  readonly requests: Requests;
  readonly #parts: DriverParts<Event>;
  readonly #node: RaftNode;
  readonly #outbox: Outbox;
  readonly #applier: Applier<Event>;
  readonly #writes = new PersistQueue();
  readonly #peers = new Peers();
  readonly #suspicion: Suspicion;
  readonly #failed = Promise.withResolvers<Error>();
  #inbox: Message[] = [];
  #reports: (() => void)[] = [];
  #role: SoftState = { lead: 0, role: "follower" };
  /** Whether a leader was known since the start. */
  #wasLed = false;
  #awake = false;
  #writing = false;
  #stopped: Error | undefined;
  /** Ticks until it stops because it is no member any more. */
  #ticksLeft = Infinity;
  #tickDue = false;
  #lastTickMs: number;
  #cancelTick: () => void;

  constructor(parts: DriverParts<Event>) {
    this.#parts = parts;
    const { store, settings, random, clock } = parts;
    this.#node = new RaftNode({
      id: store.identity.nodeId,
      electionTicks: settings.electionTicks,
      heartbeatTicks: settings.heartbeatTicks,
      ...coreBounds,
      ...parts.bounds,
      preVote: true,
      checkQuorum: true,
      stepDownOnRemoval: true,
      asyncStorageWrites: true,
      random,
      storage: store.view,
    });
    const onMembers = (): void => this.#membersChanged();
    this.requests = new Requests(this.#node, parts, () => this.#wake());
    this.#applier = new Applier(
      this.#node,
      { ...parts, onMembers },
      this.requests.proposals,
    );
    this.#suspicion = new Suspicion(settings.electionTicks, random);
    this.#outbox = new Outbox(parts.connect(this), store, parts.scheduler);
    this.#membersChanged();
    this.#lastTickMs = clock.monotonicMs();
    this.#cancelTick = this.#armTick();
    const { voters, votersOutgoing } = this.#node.status();
    // Alone there is nobody to wait for.
    if (voters.length === 1 && votersOutgoing.length === 0) {
      this.#report(() => this.#node.campaign());
    }
  }

  /** Resolves with the reason when the node has stopped because it could not go on. */
  get failed(): Promise<Error> {
    return this.#failed.promise;
  }

  get role(): SoftState {
    return this.#role;
  }

  /** Whether it has stopped, for whatever reason. */
  get stopped(): boolean {
    return this.#stopped !== undefined;
  }

  /** Index up to which the state holds the log. */
  get applied(): number {
    return this.#applier.applied;
  }

  status(): Status {
    return this.#node.status();
  }

  /** Takes messages of a peer; false when there are too many and these are lost. */
  receive(messages: readonly Message[]): boolean {
    if (this.#inbox.length + messages.length > inboxMessagesMax) return false;
    for (const message of messages) this.#inbox.push(message);
    this.#wake();
    return true;
  }

  /** A member says where it is dialled, as of an index that this node may not have applied yet. */
  learnPeer(nodeId: number, address: string, memberAt: number): void {
    if (!this.#peers.learn(nodeId, address, memberAt)) return;
    this.#report(() => this.#setPeers());
  }

  unreachable(nodeId: number, broken: boolean): void {
    this.#report(() => {
      this.#node.reportUnreachable(nodeId);
      if (broken && nodeId === this.#role.lead) this.#suspicion.raise();
    });
  }

  snapshotDone(nodeId: number, ok: boolean): void {
    this.#report(() => this.#node.reportSnapshot(nodeId, ok));
  }

  refused(_nodeId: number, error: ConveyorError): void {
    const isOver =
      // Its disk lost what it promised, or it was removed: no peer will ever take it back.
      error.code === Code.DataLoss ||
      error.code === Code.FailedPrecondition ||
      // Its id is that of another store; unless it has been led, and it is the peer that is the stray.
      error.code === Code.AlreadyExists && !this.#wasLed;
    if (isOver) this.#fail(error);
  }

  /** Hands the lead to another member; whether it goes shows in the roles. */
  transferLeader(nodeId: number): void {
    this.#report(() => this.#node.transferLeader(nodeId));
  }

  /** Stops at once. Whoever waits is refused; what is being written is still written. */
  async close(): Promise<void> {
    if (!this.#stopped) this.#stop(closed());
    await this.#outbox.close();
  }

  #report(report: () => void): void {
    this.#reports.push(report);
    this.#wake();
  }

  #wake(): void {
    if (this.#awake || this.#stopped) return;
    this.#awake = true;
    this.#parts.scheduler.soon(() => this.#turn());
  }

  #turn(): void {
    this.#awake = false;
    if (this.#stopped) return;
    try {
      // After a long pause the messages come first: they tell whether others have gone on meanwhile.
      this.#stepInbox();
      this.#stepReports();
      this.requests.step();
      this.#stepTick();
      this.#carryOut();
      if (this.#applier.slice(this.#parts.clock)) this.#wake();
      this.requests.applied(this.#applier.applied);
      this.#carryOut();
      this.#applier.saveSnapshot((error) => this.#fail(error));
    } catch (error) {
      this.#fail(error);
    }
  }

  #stepInbox(): void {
    const messages = this.#inbox.length > inboxSliceMessages
      ? this.#inbox.splice(0, inboxSliceMessages)
      : this.#inbox.splice(0);
    for (const message of messages) this.#node.step(message);
    if (this.#inbox.length > 0) this.#wake();
  }

  #stepReports(): void {
    const reports = this.#reports;
    this.#reports = [];
    for (const report of reports) report();
  }

  #stepTick(): void {
    if (!this.#tickDue) return;
    this.#tickDue = false;
    const { settings, clock } = this.#parts;
    const nowMs = clock.monotonicMs();
    const pausedTicks = (nowMs - this.#lastTickMs) / settings.tickMs;
    this.#lastTickMs = nowMs;
    // A leader that slept through an election timeout leads only if a quorum still answers it: two
    // whole checks pass at once, and the second finds nobody who answered since the first.
    const ticks = this.#role.role === "leader" &&
        pausedTicks > settings.electionTicks
      ? 2 * settings.electionTicks
      : 1;
    for (let tick = 0; tick < ticks; tick++) this.#node.tick();
    this.requests.tick();
    if (--this.#ticksLeft <= 0) throw this.#removed();
    const suspicion = this.#suspicion.tick(this.#node.status());
    if (suspicion === "forget") this.#node.forgetLeader();
    if (suspicion === "campaign") this.#node.campaign();
  }

  /** Carries out what the core gives, until it has nothing more to give right now. */
  #carryOut(): void {
    while (this.#node.hasReady()) {
      const ready = this.#node.ready();
      if (ready.softState) this.#changeRole(ready.softState);
      this.#outbox.send(
        ready.messages.filter((message) => !waitsForPersist(message)),
      );
      this.requests.confirmed(ready.readStates);
      this.#applier.push(ready.committedEntries);
      this.#writes.push(ready);
      this.#write();
    }
  }

  #write(): void {
    if (this.#writing) return;
    for (let write = this.#writes.take(); write; write = this.#writes.take()) {
      if (write.needed) {
        this.#writing = true;
        this.#persist(write).catch((error) => this.#fail(error));
        return;
      }
      this.#durable(write);
    }
  }

  async #persist(write: Write): Promise<void> {
    const { store, replicated, onRestored } = this.#parts;
    const { hardState, entries, snapshot } = write;
    const manifest = snapshot && decodeManifest(snapshot.data);
    await store.persist({ hardState, entries, snapshot: manifest });
    if (snapshot !== undefined && manifest !== undefined) {
      // Chunk by chunk as the disk gives them: heartbeats are answered in between.
      const install = await replicated.restoring(store.readSnapshot(manifest));
      if (this.#stopped) return;
      install();
      this.#applier.restored(snapshot);
      this.#membersChanged();
      onRestored(snapshot.index);
    }
    this.#writing = false;
    if (this.#stopped) return;
    this.#durable(write);
    this.#turn();
  }

  #durable({ job, held }: Write): void {
    this.#node.durable(job);
    this.#outbox.send(held);
  }

  #changeRole(role: SoftState): void {
    this.#role = role;
    this.#wasLed ||= role.lead !== 0;
    this.requests.roleChanged(role);
    if (role.lead !== 0 || role.role === "leader") this.#wake();
    this.#parts.onRole(role);
  }

  #membersChanged(): void {
    this.#setPeers();
    const { replicated, store, settings } = this.#parts;
    const own = replicated.members.get(store.identity.nodeId);
    // While a joint membership lasts, a node that is given up still has its vote.
    if (!own?.removed || this.#isMember()) return;
    // A leader's last messages, and its answer to who asked for the removal, still go out.
    this.#ticksLeft = Math.min(this.#ticksLeft, 2 * settings.heartbeatTicks);
  }

  #setPeers(): void {
    this.#outbox.setPeers(
      this.#peers.at(
        this.#applier.applied,
        this.#node.status(),
        this.#parts.replicated.members,
      ),
    );
  }

  /** Whether this node is in the membership, in whatever part. */
  #isMember(): boolean {
    const { id, voters, votersOutgoing, learners, learnersNext } = this.#node
      .status();
    return [voters, votersOutgoing, learners, learnersNext].some((part) =>
      part.includes(id)
    );
  }

  #removed(): ConveyorError {
    return new ConveyorError(
      Code.FailedPrecondition,
      `Cannot go on: node ${this.#parts.store.identity.nodeId} was removed from the cluster; wipe its data directory and let it join under a new id`,
    );
  }

  #armTick(): () => void {
    const { scheduler, settings } = this.#parts;
    return scheduler.after(settings.tickMs, () => {
      this.#tickDue = true;
      this.#cancelTick = this.#armTick();
      this.#wake();
    });
  }

  #fail(error: unknown): void {
    if (this.#stopped) return;
    const reason = error instanceof Error ? error : new Error(String(error));
    log.error("The node stops: it cannot go on safely", { error: reason });
    this.#stop(
      new ConveyorError(
        Code.Unavailable,
        `Cannot go on: this node has stopped: ${reason.message}`,
        { cause: reason },
      ),
    );
    this.#failed.resolve(reason);
  }

  #stop(reason: Error): void {
    this.#stopped = reason;
    this.#cancelTick();
    this.requests.stop(reason);
  }
}

function closed(): ConveyorError {
  return new ConveyorError(Code.Unavailable, "Cannot go on: the node closes");
}
