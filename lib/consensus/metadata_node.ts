/**
 * A node's part in the replicated metadata, from the opened store on: restores the state, starts the
 * driver, and stops both in the order that costs the cluster least: a leader hands its lead over
 * before it goes.
 */
import { type Clock, systemClock } from "../clock.ts";
import { Code, ConveyorError } from "../errors.ts";
import { type Random, systemRandom } from "../random.ts";
import { type Scheduler, systemScheduler } from "../scheduler.ts";
import { decodeManifest } from "../storage/manifest.ts";
import type { RaftStore } from "../storage/store.ts";
import type { CoreBounds } from "./core_bounds.ts";
import { Driver } from "./driver.ts";
import { RequestIds } from "./envelope.ts";
import { EventLog } from "./event_log.ts";
import { type LeaderPort, Metadata } from "./metadata.ts";
import type { Member } from "./members.ts";
import { RaftPeer } from "./raft_peer.ts";
import { Replicated } from "./replicated.ts";
import type { ConsensusSettings } from "./settings.ts";
import type { StateMachine } from "./state_machine.ts";
import type {
  RaftPeerPort,
  RaftTransport,
  TransportEvents,
} from "./transport.ts";

/** What a node is made of. The store and the way to the leader are the caller's to close. */
export interface MetadataNodeParts<Event> {
  readonly store: RaftStore;
  /** Fresh: its state is replaced by what the store holds. */
  readonly machine: StateMachine<Event>;
  /** Makes the way to the other nodes; `gate` says who this node is and whom it talks to. */
  readonly connect: (
    events: TransportEvents,
    gate: Pick<RaftPeerPort, "standing" | "admit">,
  ) => RaftTransport;
  readonly leader: LeaderPort;
  readonly settings: ConsensusSettings;
  /** @default those of the limits; tests make them small, to come to them */
  readonly bounds?: Partial<CoreBounds>;
  /**
   * The members as one of them tells, for a node that joins: it has to answer them before the log
   * tells it who they are. @default none
   */
  readonly members?: readonly Member[];
  /** @default that of the machine */
  readonly clock?: Clock;
  /** @default the event loop */
  readonly scheduler?: Scheduler;
  /** @default the machine's random numbers */
  readonly random?: Random;
}

/** One running node. */
export class MetadataNode<Event> implements AsyncDisposable {
  readonly metadata: Metadata<Event>;
  /** What the other nodes' connections are handed to. */
  readonly peer: RaftPeer<Event>;
  readonly #driver: Driver<Event>;
  readonly #events: EventLog<Event>;
  readonly #handOverMs: number;
  #closing: Promise<void> | undefined;

  private constructor(
    driver: Driver<Event>,
    metadata: Metadata<Event>,
    events: EventLog<Event>,
    peer: RaftPeer<Event>,
    { electionTicks, tickMs }: ConsensusSettings,
  ) {
    this.#driver = driver;
    this.metadata = metadata;
    this.#events = events;
    this.peer = peer;
    this.#handOverMs = electionTicks * tickMs;
  }

  /** Restores the state from the store and takes part in the cluster from then on. */
  static async start<Event>(
    parts: MetadataNodeParts<Event>,
  ): Promise<MetadataNode<Event>> {
    const {
      store,
      machine,
      clock = systemClock,
      scheduler = systemScheduler,
      random = systemRandom,
    } = parts;
    const replicated = new Replicated(machine, parts.members);
    const snapshot = store.view.snapshot();
    if (snapshot !== undefined && snapshot.index > 0) {
      const manifest = decodeManifest(snapshot.data);
      const install = await replicated.restoring(store.readSnapshot(manifest));
      install();
    }
    const events = new EventLog<Event>(store.view.initialState().applied);
    const driver: Driver<Event> = new Driver({
      ...parts,
      replicated,
      clock,
      scheduler,
      random,
      connect: (events) =>
        parts.connect(events, {
          standing: () => peer.standing(),
          admit: (hello, claims) => peer.admit(hello, claims),
        }),
      onApplied: (index, applied, replaced) => {
        if (replaced) events.restart(index);
        else events.append(index, applied);
        metadata.applied(index);
      },
      onRestored: (index) => {
        events.restart(index);
        metadata.applied(index);
      },
      onRole: (role) => metadata.roleChanged(role),
    });
    const metadata: Metadata<Event> = new Metadata({
      ...parts,
      driver,
      replicated,
      events,
      requestIds: new RequestIds(store.identity.nodeId, store.incarnation),
      clock,
      scheduler,
    });
    driver.failed.then(() => metadata.stopped());
    const peer: RaftPeer<Event> = new RaftPeer(store, driver, replicated);
    return new MetadataNode(driver, metadata, events, peer, parts.settings);
  }

  /** Resolves with the reason when the node has stopped because it could not go on. */
  get failed(): Promise<Error> {
    return this.#driver.failed;
  }

  /** Hands the lead over if it is here, then stops. Idempotent. */
  close(): Promise<void> {
    return this.#closing ??= this.#close();
  }

  /** Stops at once, as a crash would, except that what is being written is still written. */
  async abandon(): Promise<void> {
    this.#events.close(
      new ConveyorError(Code.Unavailable, "Cannot watch on: the node closes"),
    );
    const closed = this.#driver.close();
    this.metadata.stopped();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #close(): Promise<void> {
    const heir = this.metadata.heir();
    if (heir !== undefined) {
      await this.metadata.transferLeader(heir, this.#handOverMs);
    }
    await this.abandon();
  }
}
