/**
 * What a router is made of. Everything is built here, started in the order in which the parts need
 * each other, and stopped in the order in which records flow: nothing new comes in, what is under way
 * settles, offsets are committed, then the node leaves its cluster and the disk.
 */
import { systemClock } from "../clock.ts";
import { GrpcTransport } from "../consensus/grpc_transport.ts";
import { LeaderClient } from "../consensus/leader_client.ts";
import { LeaseKeeper } from "../consensus/lease_keeper.ts";
import { MetadataNode } from "../consensus/metadata_node.ts";
import { PeerGate } from "../consensus/peer_gate.ts";
import { ReplicatedState } from "../consensus/replicated_state.ts";
import { HttpServer } from "../dashboard/http_server.ts";
import { Flow } from "../flow/flow.ts";
import { serviceConnectTimeoutMs } from "../limits.ts";
import { log } from "../log.ts";
import { ProcessMetrics } from "../metrics/process_metrics.ts";
import type { MetricSource } from "../metrics/sample.ts";
import { systemRandom } from "../random.ts";
import { releaseBytes } from "../runtime/release_bytes.ts";
import { RpcServer } from "../rpc/server.ts";
import { systemScheduler } from "../scheduler.ts";
import { State } from "../state/state.ts";
import type { StateEvent } from "../state/types.ts";
import type { KvDeadLetters } from "../storage/kv_dead_letters.ts";
import { openKvDeadLetters } from "../storage/open_kv_dead_letters.ts";
import { MetStores } from "../storage/met_stores.ts";
import { openKvStore } from "../storage/open_kv_store.ts";
import type { RaftStore } from "../storage/store.ts";
import { FileBackups } from "../backup/file_backups.ts";
import { ChannelPool } from "../services/channel_pool.ts";
import { FlowActivity } from "./flow_activity.ts";
import {
  enter,
  getVote,
  type Membership,
  membershipOf,
  untilHeard,
} from "./membership.ts";
import { PipelineSupervisor } from "./pipeline_supervisor.ts";
import { nodeMetrics } from "./node_metrics.ts";
import { pipelinesPort } from "./pipelines_port.ts";
import { PublicServices } from "./public_services.ts";
import { PullRelay } from "./pull_relay.ts";
import { PullSupervisor } from "./pull_supervisor.ts";
import { PulledStages } from "./pulled_stages.ts";
import {
  isReachable,
  reachedAt,
  type ResolvedRouterOptions,
} from "./router_options.ts";
import { StateDirectory } from "./service_directory.ts";
import { SinkLetters } from "./sink_letters.ts";
import { TroubleLog } from "./trouble_log.ts";

/** Where a router that has started is reached. */
export interface RouterAddresses {
  /** For sources, services and operators. */
  readonly grpc: string;
  /** For the other nodes; undefined for a node that is alone. */
  readonly raft: string | undefined;
  /** For metrics and health; undefined when it is switched off. */
  readonly http: string | undefined;
}

/** A router that runs. */
export class RunningRouter {
  readonly #options: ResolvedRouterOptions;
  /** What was started, and how it is stopped again; the last one first. */
  readonly #started: (() => Promise<void> | void)[] = [];
  #addresses: RouterAddresses | undefined;
  #flow: Flow | undefined;
  #pulls: PullSupervisor | undefined;
  #services: PublicServices | undefined;

  private constructor(options: ResolvedRouterOptions) {
    this.#options = options;
  }

  /**
   * Starts all parts; `fail` is told when the node has to stop by itself. A node of a cluster waits for
   * a majority of it until `signal` aborts.
   */
  static async start(
    options: ResolvedRouterOptions,
    fail: (reason: Error) => void,
    signal: AbortSignal,
  ): Promise<RunningRouter> {
    const router = new RunningRouter(options);
    try {
      await router.#start(fail, signal);
      return router;
    } catch (error) {
      await router.#stopAll();
      throw error;
    }
  }

  get addresses(): RouterAddresses {
    return this.#addresses!;
  }

  /** Lets what is under way settle until the deadline, if it is to, then stops. */
  async stop(drains = true): Promise<void> {
    this.#services?.drain();
    if (drains) await this.#drain();
    await this.#stopAll();
  }

  async #drain(): Promise<void> {
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(() => {
      log.warn("The router stops though not all is settled", {
        records: this.#flow?.underWay.records,
      });
      resolve();
    }, this.#options.drainTimeoutMs);
    const left = this.#pulls?.leave();
    await Promise.race([Promise.all([this.#flow?.drain(), left]), late]);
    clearTimeout(timer);
  }

  async #start(
    fail: (reason: Error) => void,
    signal: AbortSignal,
  ): Promise<void> {
    const { dataDir, nodeId, dial, grpc: { tls } } = this.#options;
    const state = new State();
    const membership = await membershipOf(this.#options, signal);
    const store = await this.#openStore(membership);
    const peers = this.#ownServer();
    // What is started later is stopped earlier: the node first, then the streams of the others.
    this.#started.push(() => this.#services?.leavePeers());
    const { node, gate, leader } = await this.#startNode(
      store,
      state,
      membership,
    );
    node.failed.then(fail);
    const replicated = new ReplicatedState(node.metadata, state);
    const leases = this.#startLeases(replicated, leader);
    const channels = this.#own(
      new ChannelPool({ connectTimeoutMs: serviceConnectTimeoutMs, ...dial }),
      (pool) => pool.close(),
    );
    const outlets = new PulledStages(nodeId, systemClock, systemScheduler);
    const directory = new StateDirectory(
      state,
      channels,
      outlets,
      systemRandom,
    );
    const letters = await this.#openLetters(store, directory);
    const flow = this.#flow = this.#startFlow(replicated, directory, letters);
    const pulls = this.#pulls = this.#own(
      new PullSupervisor({
        nodeId,
        clusterId: store.identity.clusterId,
        flow: this.#options.flow,
        intake: flow,
        channels,
        replicated,
        leases,
        clock: systemClock,
        scheduler: systemScheduler,
      }),
      (pulls) => pulls.close(),
    );
    const supply = this.#own(
      new PullRelay({
        nodeId,
        useTls: tls !== undefined,
        dial,
        local: outlets,
        replicated,
        scheduler: systemScheduler,
      }),
      (supply) => supply.close(),
    );
    const ofNode = () => nodeMetrics(nodeId, node.metadata, letters);
    const activity = this.#startMetrics(flow, pulls, directory, ofNode);
    const supervisor = new PipelineSupervisor(
      replicated,
      pipelinesPort({ flow, directory, outlets, pulls }),
      systemClock,
      systemScheduler,
    );
    const services = this.#services = new PublicServices({
      replicated,
      leases,
      store,
      flow,
      supply,
      letters,
      activity,
      peer: node.peer,
      gate,
      leader,
      backups: await FileBackups.open(`${dataDir}/backups`),
      messageBytesMax: dial.messageBytesMax,
      caughtUp: () => supervisor.caughtUp(),
    });
    const raft = await this.#listenToPeers(peers, services);
    const http = await this.#listenToReaders(activity, node);
    await this.#becomeMember(node, signal);
    await this.#own(supervisor, (supervisor) => supervisor.close()).start();
    const server = this.#ownServer();
    services.addPublic(server);
    const grpc = await server.listen(this.#options.grpcAddr, "grpcAddr");
    this.#addresses = { grpc, raft, http };
    pulls.start(reachedAt(grpc, this.#options));
  }

  /** Resolves when the state of the node is whole: what it has by itself may be old. */
  async #becomeMember(
    { metadata }: MetadataNode<StateEvent>,
    signal: AbortSignal,
  ): Promise<void> {
    const { nodeId, join } = this.#options;
    const hasVote = metadata.status().voters.includes(nodeId);
    if (join.length > 0 && !hasVote) await enter(this.#options, signal);
    await untilHeard(metadata, signal);
    if (join.length === 0 || hasVote) return;
    const closing = new AbortController();
    const voting = getVote(this.#options, closing.signal);
    this.#started.push(() => {
      closing.abort();
      return voting;
    });
  }

  #ownServer(): RpcServer {
    return this.#own(
      new RpcServer(this.#options.grpc, report),
      (server) => server.close(0),
    );
  }

  /** Notes how a part is stopped. */
  #own<T>(part: T, stop: (part: T) => Promise<void> | void): T {
    this.#started.push(() => stop(part));
    return part;
  }

  async #stopAll(): Promise<void> {
    for (
      let stop = this.#started.pop();
      stop !== undefined;
      stop = this.#started.pop()
    ) {
      try {
        await stop();
      } catch (error) {
        log.error("Cannot stop a part of the router as it should", { error });
      }
    }
  }

  async #openStore(membership: Membership): Promise<RaftStore> {
    const { identity, first } = membership;
    const store = await openKvStore({
      directory: this.#options.dataDir,
      identity,
      ...first ? { first } : {},
    });
    return this.#own(store, (store) => store.close());
  }

  async #startNode(
    store: RaftStore,
    state: State,
    { members, stores }: Membership,
  ): Promise<{
    readonly node: MetadataNode<StateEvent>;
    readonly gate: PeerGate;
    readonly leader: LeaderClient;
  }> {
    const { consensus, dataDir, dial } = this.#options;
    const met = await MetStores.open(dataDir, stores);
    const leader = this.#own(new LeaderClient(dial), (own) => own.close());
    let gate: PeerGate | undefined;
    const node = await MetadataNode.start({
      store,
      machine: state,
      leader,
      settings: consensus,
      ...members ? { members } : {},
      connect: (events, port) => {
        gate = new PeerGate(port, met);
        return new GrpcTransport(gate, events, {
          ...dial,
          peerDeadMs: consensus.electionTicks * consensus.tickMs,
        });
      },
    });
    this.#own(node, (node) => node.close());
    return { node, gate: gate!, leader };
  }

  #startLeases(
    replicated: ReplicatedState,
    leader: LeaderClient,
  ): LeaseKeeper {
    const leases = new LeaseKeeper(
      replicated,
      leader,
      systemClock,
      systemScheduler,
    );
    leases.start();
    return this.#own(leases, (leases) => leases.close());
  }

  async #openLetters(
    { identity }: RaftStore,
    directory: StateDirectory,
  ): Promise<KvDeadLetters> {
    const letters = await openKvDeadLetters({
      directory: this.#options.dataDir,
      identity,
      sinks: new SinkLetters(directory),
    });
    return this.#own(letters, (letters) => letters.close());
  }

  #startFlow(
    replicated: ReplicatedState,
    directory: StateDirectory,
    deadLetters: KvDeadLetters,
  ): Flow {
    const { state } = replicated;
    const flow = new Flow({
      services: directory,
      deadLetters,
      offsets: {
        committed: (sourceId, partition) =>
          state.offsets.get(sourceId, partition)?.offset,
        commit: (offsets) => this.#pulls!.commit(offsets),
      },
      clock: systemClock,
      scheduler: systemScheduler,
      random: systemRandom,
      release: releaseBytes,
    }, this.#options.flow);
    this.#own(
      new TroubleLog(flow, systemScheduler),
      (troubles) => troubles.close(),
    );
    return this.#own(flow, (flow) => flow.close());
  }

  #startMetrics(
    flow: Flow,
    pulls: PullSupervisor,
    { underWay }: StateDirectory,
    ofNode: MetricSource,
  ): FlowActivity {
    const metrics = new ProcessMetrics(systemScheduler, systemClock);
    this.#own(metrics, (metrics) => metrics.close());
    return new FlowActivity(flow, underWay, pulls, [
      () => metrics.metrics(),
      () => pulls.metrics(),
      ofNode,
    ]);
  }

  async #listenToPeers(
    server: RpcServer,
    services: PublicServices,
  ): Promise<string | undefined> {
    if (!isReachable(this.#options)) return undefined;
    services.addPeers(server);
    return await server.listen(this.#options.raftAddr, "raftAddr");
  }

  async #listenToReaders(
    activity: FlowActivity,
    { metadata }: MetadataNode<StateEvent>,
  ): Promise<string | undefined> {
    const { httpAddr } = this.#options;
    if (httpAddr === "") return undefined;
    const server = await HttpServer.listen(httpAddr, {
      metrics: activity.metricSources,
      unready: () => {
        if (this.#addresses === undefined) return "the node starts";
        return metadata.role.lead === 0 ? "no leader is known" : undefined;
      },
    }, "httpAddr");
    return this.#own(server, (server) => server.close()).address;
  }
}

function report(path: string, error: unknown): void {
  log.error("Cannot answer a call", { path, error });
}
