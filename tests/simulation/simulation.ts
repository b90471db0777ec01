/**
 * One simulation: a cluster of real nodes over a simulated disk, network and clock, clients that use
 * it, a script of faults, and the checks. When the trouble is over the cluster must come to itself:
 * take writes again, and reach the same state on every member.
 */
import type { ConsensusSettings } from "../../lib/consensus/settings.ts";
import { KvMachine } from "../fixtures/kv_machine.ts";
import { describeVerdict } from "./describe_verdict.ts";
import { FaultInjector } from "./fault_injector.ts";
import { type Fault, type FaultKind, planFaults } from "./faults.ts";
import type { HistoryEvent } from "./history.ts";
import { Invariants } from "./invariants.ts";
import { checkHistory } from "./linearizability.ts";
import { Network } from "./network.ts";
import { SimClient } from "./sim_client.ts";
import { SimCluster } from "./sim_cluster.ts";
import { World } from "./world.ts";

export interface SimulationOptions {
  readonly seed: number;
  /** Events after which the trouble ends, about. */
  readonly events: number;
  /** @default drawn from the seed */
  readonly script?: readonly Fault[];
}

export interface SimulationResult {
  readonly seed: number;
  /** What was wrong; undefined when nothing was. */
  readonly violation: string | undefined;
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

/** Share of the events that belong to the time of trouble. */
const troubleShare = 0.85;
/** Time in which a healed cluster must take writes again, and in which its members must agree. */
const recoveryMs = 30_000;
/** Operations acknowledged after healing, before the clients are stopped. */
const acknowledgedAfter = 20;
/** No script is longer. */
const scriptMs = 600_000;

export async function simulate(
  options: SimulationOptions,
): Promise<SimulationResult> {
  const world = new World(options.seed);
  const plan = world.chance("plan");
  const network = new Network(world);
  const invariants = new Invariants(new KvMachine().digest);
  const counts = { snapshotsSaved: 0, snapshotsInstalled: 0 };
  const settings: ConsensusSettings = {
    tickMs: 50,
    heartbeatTicks: 2,
    electionTicks: 10,
    snapshotLogBytes: plan.pick([1_000, 4_000, 20_000]),
    logTailEntries: plan.pick([0, 5, 40]),
  };
  const cluster = new SimCluster(
    { world, network, invariants, settings, counts },
    plan.pick([3, 3, 3, 4, 5, 5]),
  );
  for (const node of cluster.nodes.values()) {
    node.clock.setRate(plan.between(0.8, 1.2));
    node.boot();
  }
  const history: HistoryEvent[] = [];
  const acked = { index: 0, count: 0 };
  const clientSite = {
    world,
    network,
    invariants,
    nodes: () => cluster.ids,
    service: (id: number) => cluster.nodes.get(id)?.up,
    history,
    acked,
  };
  const habits = {
    keys: plan.pick([1, 3, 8]),
    pauseMs: plan.pick([20, 60, 200]),
    reads: plan.pick([0.2, 0.5]),
    large: plan.happens(0.1)
      ? { share: 0.02, bytes: plan.pick([70_000, 400_000]) }
      : { share: 0, bytes: 0 },
  };
  const clients = Array.from(
    { length: plan.pick([3, 6, 12]) },
    (_, at) => new SimClient(at, clientSite, habits),
  );
  const gapMs = plan.pick([400, 1_000, 2_500]);
  const script = options.script ?? planFaults(plan, scriptMs, gapMs);
  const injector = new FaultInjector(world, network, cluster, script);

  world.onEvent = (node) => cluster.nodes.get(node)?.observe();
  const failed = (): boolean => invariants.violation !== undefined;
  const until = async (
    what: string,
    done: () => boolean,
  ): Promise<void> => {
    const untilMs = world.nowMs + recoveryMs;
    await world.run(() => failed() || done() || world.nowMs > untilMs);
    if (!failed() && !done()) {
      invariants.violate(`${recoveryMs} ms after healing ${what}`);
    }
  };

  const troubleEvents = Math.floor(options.events * troubleShare);
  await world.run(() => failed() || world.events >= troubleEvents);
  const healedMs = world.nowMs;
  if (!failed()) {
    injector.heal();
    const enough = acked.count + acknowledgedAfter;
    await until(
      "too few operations were answered",
      () => acked.count >= enough,
    );
    for (const client of clients) client.stop();
    await until(
      "a client still waits",
      () => clients.every(({ idle }) => idle),
    );
    await until("the members differ", () => agree(cluster));
  }
  if (!failed()) {
    const verdict = checkHistory(history);
    if (verdict.kind !== "linearizable") {
      invariants.violate(describeVerdict(verdict));
    }
  }
  return {
    seed: options.seed,
    violation: invariants.violation,
    traceHash: world.traceHash,
    events: world.events,
    timeMs: world.nowMs,
    healedMs,
    script: script.filter(({ atMs }) => atMs <= healedMs),
    faults: injector.counts,
    messagesLost: network.lost,
    terms: invariants.terms,
    committed: invariants.committed,
    ...counts,
    membershipChanges: cluster.changes,
    operations: history.filter(({ type }) => type === "invoke").length,
    acknowledged: acked.count,
    history,
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
