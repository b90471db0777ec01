/**
 * One simulation: a cluster of real nodes over a simulated disk, network and clock, clients that use
 * it, a script of faults, and the checks. When the trouble is over the cluster must come to itself:
 * take writes again, and reach the same state on every member.
 */
import type { CoreBounds } from "../../lib/consensus/core_bounds.ts";
import type { ConsensusSettings } from "../../lib/consensus/settings.ts";
import { KvMachine } from "../fixtures/kv_machine.ts";
import type { Chance } from "./chance.ts";
import { describeVerdict } from "./describe_verdict.ts";
import { FaultInjector } from "./fault_injector.ts";
import { type Fault, type FaultKind, planFaults } from "./faults.ts";
import type { HistoryEvent } from "./history.ts";
import { Invariants } from "./invariants.ts";
import { LeaderWatch } from "./leader_watch.ts";
import { checkHistory, type Verdict } from "./linearizability.ts";
import { Network } from "./network.ts";
import { type ClientHabits, type ClientSite, SimClient } from "./sim_client.ts";
import { SimCluster } from "./sim_cluster.ts";
import { World } from "./world.ts";

export interface SimulationOptions {
  readonly seed: number;
  /** Events after which the trouble ends; those of the recovery come on top. */
  readonly events: number;
  /** @default drawn from the seed */
  readonly script?: readonly Fault[];
}

export interface SimulationResult {
  readonly seed: number;
  /** What was wrong; undefined when nothing was. */
  readonly violation: string | undefined;
  /** On the history; unchecked when something was wrong before. */
  readonly verdict: Verdict["kind"] | "unchecked";
  readonly traceHash: string;
  readonly events: number;
  /** Virtual time that has passed, and when the trouble ended. */
  readonly timeMs: number;
  readonly healedMs: number;
  readonly script: readonly Fault[];
  readonly faults: ReadonlyMap<FaultKind, number>;
  readonly messagesLost: number;
  readonly terms: number;
  readonly committed: number;
  readonly snapshotsSaved: number;
  readonly snapshotsInstalled: number;
  readonly membershipChanges: number;
  readonly operations: number;
  readonly acknowledged: number;
  readonly history: readonly HistoryEvent[];
}

/** Time in which a healed cluster must take writes again, and in which its members must agree. */
const recoveryMs = 30_000;
/** Operations acknowledged after healing, before the clients are stopped. */
const acknowledgedAfter = 20;
/** No script is longer. */
const scriptMs = 600_000;

/** Runs one simulation. */
export async function simulate(
  options: SimulationOptions,
): Promise<SimulationResult> {
  const simulation = new Simulation(options);
  await simulation.trouble();
  await simulation.recovery();
  return simulation.result();
}

class Simulation {
  readonly #options: SimulationOptions;
  readonly #world: World;
  readonly #network: Network;
  readonly #invariants: Invariants;
  readonly #cluster: SimCluster;
  readonly #clients: readonly SimClient[];
  readonly #injector: FaultInjector;
  readonly #script: readonly Fault[];
  readonly #counts = { snapshotsSaved: 0, snapshotsInstalled: 0 };
  readonly #history: HistoryEvent[] = [];
  readonly #acked = { index: 0, count: 0 };
  #healedMs = 0;
  #verdict: SimulationResult["verdict"] = "unchecked";

  constructor(options: SimulationOptions) {
    this.#options = options;
    const world = this.#world = new World(options.seed);
    const plan = world.chance("plan");
    this.#network = new Network(world);
    this.#invariants = new Invariants(new KvMachine().digest);
    const settings: ConsensusSettings = {
      tickMs: 50,
      heartbeatTicks: 2,
      electionTicks: 10,
      snapshotLogBytes: plan.pick([1_000, 4_000, 20_000]),
      logTailEntries: plan.pick([0, 5, 40]),
    };
    const cluster = this.#cluster = new SimCluster(
      {
        world,
        network: this.#network,
        invariants: this.#invariants,
        leaders: new LeaderWatch(settings),
        settings,
        bounds: drawBounds(plan),
        counts: this.#counts,
      },
      plan.pick([3, 3, 3, 4, 5, 5]),
      plan.pick([0, 0, 2]),
    );
    for (const node of cluster.nodes.values()) {
      node.clock.setRate(plan.between(0.8, 1.2));
      node.boot();
    }
    this.#clients = this.#startClients(plan);
    const gapMs = plan.pick([400, 1_000, 2_500]);
    this.#script = options.script ?? planFaults(plan, scriptMs, gapMs);
    this.#injector = new FaultInjector(
      world,
      this.#network,
      cluster,
      this.#script,
    );
    world.onEvent = (node) => cluster.nodes.get(node)?.observe();
  }

  /** Lets things go wrong. */
  async trouble(): Promise<void> {
    const world = this.#world;
    const { events } = this.#options;
    await world.run(() => this.#failed || world.events >= events);
    this.#healedMs = world.nowMs;
  }

  /** Ends the trouble, and sees that all is well again. */
  async recovery(): Promise<void> {
    if (!this.#failed) this.#injector.heal();
    const enough = this.#acked.count + acknowledgedAfter;
    await this.#until(
      "too few operations were answered",
      () => this.#acked.count >= enough,
    );
    for (const client of this.#clients) client.stop();
    await this.#until(
      "a client still waits",
      () => this.#clients.every(({ idle }) => idle),
    );
    await this.#until("the members differ", () => agree(this.#cluster));
    if (this.#failed) return;
    const verdict = checkHistory(this.#history);
    this.#verdict = verdict.kind;
    if (verdict.kind !== "linearizable") {
      this.#invariants.violate(describeVerdict(verdict));
    }
  }

  result(): SimulationResult {
    const invariants = this.#invariants;
    const world = this.#world;
    return {
      seed: this.#options.seed,
      violation: invariants.violation,
      verdict: this.#verdict,
      traceHash: world.traceHash,
      events: world.events,
      timeMs: world.nowMs,
      healedMs: this.#healedMs,
      script: this.#script.filter(({ atMs }) => atMs <= this.#healedMs),
      faults: this.#injector.counts,
      messagesLost: this.#network.lost,
      terms: invariants.terms,
      committed: invariants.committed,
      ...this.#counts,
      membershipChanges: this.#cluster.changes,
      operations: this.#history.filter(({ type }) => type === "invoke").length,
      acknowledged: this.#acked.count,
      history: this.#history,
    };
  }

  get #failed(): boolean {
    return this.#invariants.violation !== undefined;
  }

  #startClients(plan: Chance): SimClient[] {
    const cluster = this.#cluster;
    const site: ClientSite = {
      world: this.#world,
      network: this.#network,
      invariants: this.#invariants,
      nodes: () => cluster.ids,
      service: (id: number) => cluster.nodes.get(id)?.up,
      history: this.#history,
      acked: this.#acked,
    };
    const habits: ClientHabits = {
      keys: plan.pick([1, 3, 8]),
      pauseMs: plan.pick([20, 60, 200]),
      reads: plan.pick([0.2, 0.5]),
      large: plan.happens(0.1)
        ? { share: 0.02, bytes: plan.pick([70_000, 400_000]) }
        : { share: 0, bytes: 0 },
    };
    return Array.from(
      { length: plan.pick([3, 6, 12]) },
      (_, at) => new SimClient(at, site, habits),
    );
  }

  async #until(what: string, done: () => boolean): Promise<void> {
    const world = this.#world;
    const untilMs = world.nowMs + recoveryMs;
    await world.run(() => this.#failed || done() || world.nowMs > untilMs);
    if (!this.#failed && !done()) {
      this.#invariants.violate(`${recoveryMs} ms after healing ${what}`);
    }
  }
}

/** In half of the simulations next to nothing may be under way at once. */
function drawBounds(plan: Chance): Partial<CoreBounds> {
  return plan.happens(0.5) ? {} : {
    maxBytesPerMessage: plan.pick([60, 300, 2_000]),
    maxInflightMessages: plan.pick([1, 3, 10]),
    maxCommittedBytesPerReady: plan.pick([100, 1_000]),
    maxUncommittedBytes: plan.pick([500, 5_000]),
  };
}

/** Whether every member has applied all that is committed, and holds the same state. */
function agree(cluster: SimCluster): boolean {
  const leader = cluster.leader?.up;
  if (leader === undefined) return false;
  const { commit, voters, votersOutgoing, learners } = leader.metadata.status();
  if (votersOutgoing.length > 0) return false;
  return [...voters, ...learners].every((id) => {
    const node = cluster.nodes.get(id)?.up;
    return node !== undefined && node.metadata.appliedIndex === commit &&
      node.machine.digest === leader.machine.digest;
  });
}
