/** Every service that a router serves, with health and reflection beside them. */
import type { LeaseKeeper } from "../consensus/lease_keeper.ts";
import type { PeerGate } from "../consensus/peer_gate.ts";
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import type { RaftPeerPort } from "../consensus/transport.ts";
import type { BackupStore } from "../backup/backup_store.ts";
import type { LetterBounds } from "../delivery/ports.ts";
import {
  AdminHandler,
  adminService,
  configOf,
} from "../handlers/admin_handler.ts";
import { BackupHandler, backupService } from "../handlers/backup_handler.ts";
import type { LeaderStatusPort } from "../handlers/cluster_view.ts";
import {
  CheckpointHandler,
  checkpointService,
  type OffsetsPort,
} from "../handlers/checkpoint_handler.ts";
import { ClusterHandler, clusterService } from "../handlers/cluster_handler.ts";
import {
  DataPlaneHandler,
  type DataPlaneParts,
  dataPlaneService,
} from "../handlers/data_plane_handler.ts";
import {
  DeadLetterHandler,
  deadLetterService,
} from "../handlers/dead_letter_handler.ts";
import type { ReplayPort } from "../handlers/letter_replay.ts";
import {
  PullHandler,
  pullService,
  type PullSupplyPort,
} from "../handlers/pull_handler.ts";
import { RaftHandler } from "../handlers/raft_handler.ts";
import {
  RegistryHandler,
  registryService,
} from "../handlers/registry_handler.ts";
import {
  pushServices,
  type RecordIntakePort,
  SourceHandler,
} from "../handlers/source_handler.ts";
import {
  SidecarCoordinatorImpl,
  sidecarService,
} from "../handlers/sidecar_handler.ts";
import { Health } from "../rpc/health.ts";
import { reflectionHandlers, reflectionServices } from "../rpc/reflection.ts";
import type { RpcServer } from "../rpc/server.ts";
import { compilePipeline } from "../routing/pipeline.ts";
import { systemScheduler } from "../scheduler.ts";
import type { KvDeadLetters } from "../storage/kv_dead_letters.ts";
import type { RaftStore } from "../storage/store.ts";
import type { RaftTransportMethods } from "../../proto/messages/cluster.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import type { FlowActivity } from "./flow_activity.ts";

const raftService: Service<RaftTransportMethods> = serviceOf(
  "conveyor.cluster.RaftTransport",
);

/** What the services work on. */
export interface PublicServicesParts {
  readonly replicated: ReplicatedState;
  readonly leases: LeaseKeeper;
  readonly store: RaftStore;
  readonly flow:
    & RecordIntakePort
    & ReplayPort
    & DataPlaneParts["flow"]
    & OffsetsPort;
  /** What consumers pull. */
  readonly supply: PullSupplyPort;
  readonly letters: KvDeadLetters;
  readonly activity: FlowActivity;
  readonly peer: RaftPeerPort;
  readonly gate: PeerGate;
  readonly leader: LeaderStatusPort;
  readonly backups: BackupStore;
  /** Largest message that is sent. */
  readonly messageBytesMax: number;
  /** Resolves when this node knows of every pipeline and offset that others do. */
  readonly caughtUp: () => Promise<void>;
}

/** The services of one node. */
export class PublicServices {
  readonly #parts: PublicServicesParts;
  readonly #health: Health;
  #raft: RaftHandler | undefined;

  constructor(parts: PublicServicesParts) {
    this.#parts = parts;
    this.#health = new Health(names);
  }

  /** Serves sources, services and operators. */
  addPublic(server: RpcServer): void {
    const { replicated, leases, flow, letters, activity, leader } = this.#parts;
    const { backups, messageBytesMax, caughtUp } = this.#parts;
    const source = new SourceHandler(flow, caughtUp);
    const deadLetters = {
      letters,
      flow,
      scheduler: systemScheduler,
      boundsOf: (pipelineId: string) => this.#letterBounds(pipelineId),
      messageBytesMax,
    };
    for (const service of pushServices) server.add(service, source);
    server.add(pullService, new PullHandler(this.#parts.supply, replicated))
      .add(adminService, new AdminHandler(replicated, activity, leader))
      .add(registryService, new RegistryHandler(replicated, leases, activity))
      .add(checkpointService, new CheckpointHandler(replicated, flow))
      .add(sidecarService, new SidecarCoordinatorImpl(replicated, leases))
      .add(
        dataPlaneService,
        new DataPlaneHandler({ flow, expectSource: caughtUp }),
      )
      .add(deadLetterService, new DeadLetterHandler(deadLetters))
      .add(backupService, new BackupHandler(replicated, backups, caughtUp))
      .add(clusterService, this.#cluster());
    this.#health.addTo(server);
    for (const service of reflectionServices) {
      server.add(service, reflectionHandlers(names));
    }
  }

  /** Serves the other nodes. */
  addPeers(server: RpcServer): void {
    const { peer, gate } = this.#parts;
    this.#raft = new RaftHandler(peer, gate);
    server.add(raftService, this.#raft).add(clusterService, this.#cluster());
  }

  /** Says of everything, from now on, that it takes no more calls. */
  drain(): void {
    this.#health.drain();
  }

  /** Ends the streams of the other nodes. */
  leavePeers(): void {
    this.#raft?.close();
  }

  #letterBounds(pipelineId: string): LetterBounds {
    const { state } = this.#parts.replicated;
    const pipeline = state.pipelines.get(pipelineId);
    const result = pipeline && compilePipeline(configOf(pipeline));
    return result?.kind === "valid" ? result.pipeline.deadLetter : builtIn;
  }

  #cluster(): ClusterHandler {
    const { replicated, store, gate, leases } = this.#parts;
    return new ClusterHandler(replicated.metadata, store, gate, leases);
  }
}

/** Of a pipeline that is no more. */
const builtIn: LetterBounds = {
  sinkService: "",
  recordsMax: undefined,
  ageMsMax: undefined,
};

const names = [
  ...pushServices,
  adminService,
  registryService,
  checkpointService,
  sidecarService,
  dataPlaneService,
  deadLetterService,
  backupService,
  clusterService,
  ...reflectionServices,
].map(({ name }) => name).concat("grpc.health.v1.Health");
