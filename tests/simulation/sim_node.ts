/**
 * One node of a simulated cluster: a disk, a clock, and the process that runs on them right now, with
 * the real store, core and driver in it.
 */
import type { CoreBounds } from "../../lib/consensus/core_bounds.ts";
import type { LeaderPort } from "../../lib/consensus/metadata.ts";
import { MetadataNode } from "../../lib/consensus/metadata_node.ts";
import type { Member } from "../../lib/consensus/members.ts";
import type { ConsensusSettings } from "../../lib/consensus/settings.ts";
import type { Hello } from "../../lib/consensus/transport.ts";
import type { Message, StorageView } from "../../lib/raft/types.ts";
import { Code, ConveyorError } from "../../lib/errors.ts";
import { openStore } from "../../lib/storage/open_store.ts";
import { StorageError } from "../../lib/storage/storage_error.ts";
import type { FirstSnapshot } from "../../lib/storage/store.ts";
import type { KvChange } from "../fixtures/kv_machine.ts";
import { SimDisk } from "./disk.ts";
import type { Invariants } from "./invariants.ts";
import type { LeaderWatch } from "./leader_watch.ts";
import type { Network } from "./network.ts";
import { Process, SimClock } from "./process.ts";
import { brokenPromise } from "./promises.ts";
import {
  type Directory,
  type Reachable,
  simLeader,
  SimTransport,
} from "./sim_transport.ts";
import { WatchedMachine } from "./watched_machine.ts";
import { type StoreCounts, WatchedStore } from "./watched_store.ts";
import type { World } from "./world.ts";

/** What all nodes of a cluster share. */
export interface SimSite {
  readonly world: World;
  readonly network: Network;
  readonly directory: Directory;
  readonly invariants: Invariants;
  readonly leaders: LeaderWatch;
  readonly settings: ConsensusSettings;
  readonly bounds: Partial<CoreBounds>;
  readonly counts: StoreCounts;
}

/** What a node starts with. */
export interface SimStart {
  /** What its disk starts from; undefined for a node that joins. */
  readonly first: FirstSnapshot | undefined;
  readonly members: readonly Member[];
}

/** A node that has come up. */
interface Up extends Reachable {
  readonly metadata: MetadataNode<KvChange>["metadata"];
  readonly node: MetadataNode<KvChange>;
  readonly machine: WatchedMachine;
}

/** Time after which a node that has stopped by itself is started again. */
const restartMs = 500;

export class SimNode {
  readonly id: number;
  readonly disk: SimDisk;
  readonly clock: SimClock;
  readonly #site: SimSite;
  readonly #start: SimStart;
  #process: Process | undefined;
  /** An earlier process on the same disk that is not dead yet. */
  #twin: Process | undefined;
  #twinUp: Up | undefined;
  #up: Up | undefined;
  #incarnation = 0;
  #retired = false;

  constructor(id: number, site: SimSite, start: SimStart) {
    this.id = id;
    this.#site = site;
    this.#start = start;
    this.disk = new SimDisk(site.world, id);
    this.clock = new SimClock(site.world);
  }

  /** The node, when it runs and is not stopped. */
  get up(): Up | undefined {
    return this.#up?.process.alive ? this.#up : undefined;
  }

  get process(): Process | undefined {
    return this.#process?.alive ? this.#process : undefined;
  }

  /** Whether it was given up for good. */
  get retired(): boolean {
    return this.#retired;
  }

  /** Starts it, in place of what runs. */
  boot(): void {
    if (this.#retired) return;
    this.#process?.kill();
    this.#up = undefined;
    const process = new Process(this.#site.world, this.id, this.clock);
    this.#process = process;
    this.#run(process).catch((error) => this.#ended(process, error));
  }

  /** Starts a second process on its disk; the first one goes on unheard until the disk stops it. */
  bootTwin(): void {
    this.#twin?.kill();
    this.#twin = this.#process;
    this.#twinUp = this.#up;
    this.#process = undefined;
    this.#site.invariants.twinned(this.id);
    this.boot();
  }

  /** Ends it without a word. */
  crash(): void {
    this.#twin?.kill();
    this.#process?.kill();
    this.#up = undefined;
  }

  /** Ends it for good. */
  retire(): void {
    this.#retired = true;
    this.crash();
  }

  /** Has the invariants look at it. */
  observe(): void {
    const { invariants, leaders, world } = this.#site;
    const twin = this.#twinUp;
    // The other may lead on until it hears that its disk has another owner.
    if (twin?.process.alive && !twin.process.paused) {
      invariants.observed(
        -this.id,
        twin.metadata.status(),
        twin.machine.digest,
      );
    }
    const { up } = this;
    if (up === undefined) return;
    const status = up.metadata.status();
    invariants.observed(this.id, status, up.machine.digest);
    const { runsSinceMs, paused } = up.process;
    if (paused) return;
    const wrong = leaders.observed(this.id, status, world.nowMs, runsSinceMs);
    if (wrong !== undefined) invariants.violate(wrong);
  }

  async #run(process: Process): Promise<void> {
    const { world, network, directory, invariants, settings, bounds, counts } =
      this.#site;
    const { id } = this;
    const opened = await openStore(this.disk.open(process), {
      identity: { clusterId: "simulation", nodeId: id },
      ...(this.#start.first ? { first: this.#start.first } : {}),
      place: `disk ${id}`,
      incarnationSeen: this.#incarnation,
      scheduler: process.scheduler,
    });
    // It may have been stopped meanwhile, and hear only now that its disk is open.
    const twin = process !== this.#process;
    const store = new WatchedStore(opened, twin ? -id : id, invariants, counts);
    this.#incarnation = Math.max(this.#incarnation, store.incarnation);
    const machine = new WatchedMachine(id, invariants);
    const node: MetadataNode<KvChange> = await MetadataNode.start<KvChange>({
      store,
      machine,
      connect: (events, { standing }) =>
        new SimTransport(
          world,
          network,
          directory,
          process,
          events,
          standing,
          (messages) => this.#sent(store.view, messages),
        ),
      leader: simLeader(network, directory, process),
      members: this.#start.members,
      settings,
      bounds,
      clock: process.clock.clock,
      scheduler: process.scheduler,
      random: world.chance(`node ${id} run ${store.incarnation}`).next,
    });
    const propose: LeaderPort["propose"] = (
      _leader,
      requestId,
      command,
      signal,
    ) => node.metadata.propose(command, { requestId, signal });
    const heard = new Map<number, Hello>();
    const { metadata, peer } = node;
    const up = { process, node, metadata, machine, peer, propose, heard };
    if (process === this.#process) this.#up = up;
    else this.#twinUp = up;
    this.#ended(process, await node.failed);
  }

  #sent(view: StorageView, messages: readonly Message[]): void {
    const { invariants, leaders, world } = this.#site;
    leaders.sent(this.id, world.nowMs);
    for (const message of messages) {
      const broken = brokenPromise(view, message);
      if (broken !== undefined) invariants.violate(broken);
    }
  }

  /** A process has stopped by itself: only a disk, or its removal, may make it do so. */
  #ended(process: Process, reason: unknown): void {
    if (!process.alive) return;
    const { world, invariants, directory } = this.#site;
    // A leader that was removed may be the only one yet that knows of it.
    const removed = directory.isRemoved(this.id);
    process.kill();
    if (removed && directory.maySpare(this.id)) return this.retire();
    const ofDisk = reason instanceof StorageError &&
      (reason.fault === "writeFailed" || reason.fault === "fenced" ||
        // What it reads may be gone, when its disk has another owner.
        process === this.#twin);
    const ofRemoval = removed && reason instanceof ConveyorError &&
      reason.code === Code.FailedPrecondition;
    if (!ofDisk && !ofRemoval) {
      invariants.violate(`node ${this.id} stopped: ${describe(reason)}`);
    }
    world.after(restartMs, this.id, () => {
      if (this.#process === process) this.boot();
    });
  }
}

function describe(reason: unknown): string {
  return reason instanceof Error
    ? `${reason.name}: ${reason.message}`
    : String(reason);
}
