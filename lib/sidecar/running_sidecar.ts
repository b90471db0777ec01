/**
 * What a sidecar is made of. Everything is built here, started in the order in which the parts need each
 * other, and stopped in the order in which records flow: the cluster is told first, so that nothing new
 * comes; what is under way settles; offsets are committed; then the sidecar leaves.
 */
import { CheckpointClient } from "../../clients/checkpoint_client.ts";
import { CoordinatorClient } from "../../clients/coordinator_client.ts";
import { DeadLetterClient } from "../../clients/dead_letter_client.ts";
import type { RouterChannel } from "../../clients/router_channel.ts";
import type { MessageInit } from "../../proto/codec.ts";
import type { RegisterSidecarRequest } from "../../proto/messages/sidecar.ts";
import { systemClock } from "../clock.ts";
import { HttpServer } from "../dashboard/http_server.ts";
import type { ConveyorError } from "../errors.ts";
import { Flow } from "../flow/flow.ts";
import { resolveFlowOptions } from "../flow/flow_options.ts";
import { flowMetrics } from "../flow/flow_metrics.ts";
import {
  DataPlaneHandler,
  dataPlaneService,
} from "../handlers/data_plane_handler.ts";
import {
  farewellMs,
  relayTimeoutMs,
  serviceConnectTimeoutMs,
} from "../limits.ts";
import { log } from "../log.ts";
import { ProcessMetrics } from "../metrics/process_metrics.ts";
import { ProcessShare } from "../metrics/process_share.ts";
import { systemRandom } from "../random.ts";
import { releaseBytes } from "../runtime/release_bytes.ts";
import { Health } from "../rpc/health.ts";
import { reflectionHandlers, reflectionServices } from "../rpc/reflection.ts";
import { RpcServer } from "../rpc/server.ts";
import { systemScheduler } from "../scheduler.ts";
import { ChannelPool } from "../services/channel_pool.ts";
import { checkpointService } from "../handlers/checkpoint_handler.ts";
import { ClusterLetters } from "./cluster_letters.ts";
import { ClusterProgress } from "./cluster_progress.ts";
import { Coordination, type SidecarState } from "./coordination.ts";
import { Duties } from "./duties.ts";
import { LocalServices } from "./local_services.ts";
import { PodPulls } from "./pod_pulls.ts";
import { RoutingTable } from "./routing_table.ts";
import { serviceMetrics } from "./service_metrics.ts";
import { sourceOffsets } from "./source_offsets.ts";
import { SidecarOffsets } from "./sidecar_offsets.ts";
import type { ResolvedSidecarOptions } from "./sidecar_options.ts";

const names = [dataPlaneService, checkpointService, ...reflectionServices]
  .map(({ name }) => name).concat("grpc.health.v1.Health");

/** Where a sidecar is reached, as it is bound. */
export interface SidecarAddresses {
  /** Where sources of the pod and other sidecars connect. */
  readonly grpc: string;
  /** Where metrics and health are served; absent: nowhere. */
  readonly http?: string;
}

/** A sidecar that runs. */
export class RunningSidecar {
  readonly #options: ResolvedSidecarOptions;
  readonly #pool: ChannelPool;
  readonly #cluster: RouterChannel;
  readonly #table: RoutingTable;
  readonly #flow: Flow;
  readonly #duties: Duties;
  readonly #coordination: Coordination;
  readonly #services: LocalServices;
  readonly #pulls: PodPulls;
  readonly #health: Health = new Health(names);
  readonly #server: RpcServer;
  readonly #share = new ProcessShare(systemClock);
  readonly #metrics = new ProcessMetrics(systemScheduler, systemClock);
  #http: HttpServer | undefined;
  /** Why it takes no records; undefined while it does. */
  #unready: string | undefined = "the sidecar starts";
  /** Aborts when it looks for services no more. */
  readonly #looking = new AbortController();
  /** Where it listens, once it does. */
  #address = "";

  /** `cluster` is closed with it; `replaced` is told when another sidecar has its id: it is to be stopped. */
  constructor(
    options: ResolvedSidecarOptions,
    cluster: RouterChannel,
    replaced: (reason: ConveyorError) => void,
  ) {
    const { sidecarId, drainTimeoutMs, heartbeatIntervalMs } = options;
    this.#options = options;
    this.#cluster = cluster;
    this.#pool = new ChannelPool({
      ...options.dial,
      connectTimeoutMs: serviceConnectTimeoutMs,
      // Stages bound their calls; what is handed over is answered when it is settled.
      timeoutMs: relayTimeoutMs,
    });
    this.#table = new RoutingTable({
      sidecarId,
      pool: this.#pool,
      ownUrl: () => this.#ownUrl,
      localUrls: () =>
        this.#services.list.map(({ localEndpoint }) => localEndpoint),
      isExactlyOnce: (name, url) => this.#services.isExactlyOnce(name, url),
      routers: options.routers,
    });
    const checkpoints = new CheckpointClient(cluster);
    const offsets = new SidecarOffsets(
      checkpoints,
      ({ sourceId, partition, offset }) =>
        this.#flow.offsetRaised(sourceId, partition, offset),
    );
    this.#flow = new Flow({
      services: this.#table,
      deadLetters: new ClusterLetters(
        new DeadLetterClient(cluster),
        systemClock,
        systemRandom,
      ),
      offsets,
      clock: systemClock,
      scheduler: systemScheduler,
      random: systemRandom,
      release: releaseBytes,
    }, options.flow);
    this.#duties = new Duties({
      flow: this.#flow,
      table: this.#table,
      scheduler: systemScheduler,
      drainTimeoutMs,
    });
    this.#services = new LocalServices(
      options.services,
      options.discovery,
      this.#pool,
      () => this.#port,
    );
    this.#pulls = new PodPulls({
      sidecarId,
      services: () => this.#services.list,
      wanted: () => this.#duties.sourceNames,
      intake: this.#flow,
      channels: this.#pool,
      progress: new ClusterProgress(offsets, checkpoints),
      scheduler: systemScheduler,
      inFlightMax: resolveFlowOptions(options.flow).creditWindowRecords,
    });
    this.#coordination = new Coordination({
      coordinator: new CoordinatorClient(cluster),
      duties: this.#duties,
      sidecarId,
      registration: () => this.#registration(),
      look: (signal) => this.#services.look(signal),
      told: () => this.#pulls.look(),
      state: () => this.#state(),
      replaced,
      heartbeatIntervalMs,
    });
    this.#server = this.#serverOf(offsets, checkpoints);
  }

  /** Listens, registers, and resolves with the addresses to dial. */
  async start(): Promise<SidecarAddresses> {
    const { grpcAddr, httpAddr, routers } = this.#options;
    this.#address = await this.#server.listen(grpcAddr, "grpcAddr");
    if (httpAddr !== "") this.#http = await this.#listenToReaders(httpAddr);
    await this.#services.look(this.#looking.signal);
    log.info("The sidecar registers with its cluster", {
      routers: routers.join(),
    });
    await this.#coordination.start();
    if (!this.#looking.signal.aborted) this.#unready = undefined;
    return {
      grpc: this.#address,
      ...this.#http ? { http: this.#http.address } : {},
    };
  }

  /** Lets what is under way settle until the deadline, then stops. */
  async stop(): Promise<void> {
    const { drainTimeoutMs } = this.#options;
    const endMs = systemClock.monotonicMs() + drainTimeoutMs;
    const leftMs = (): number => Math.max(0, endMs - systemClock.monotonicMs());
    this.#looking.abort();
    this.#unready = "the sidecar drains";
    this.#health.drain();
    await this.#coordination.drain(leftMs() / 4);
    const { promise: late, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, leftMs());
    const left = this.#pulls.leave();
    await Promise.race([Promise.all([this.#flow.drain(), left]), late]);
    clearTimeout(timer);
    await this.#pulls.close();
    await this.#coordination.close(Math.max(drainTimeoutMs / 4, leftMs()));
    this.#duties.close();
    await this.#flow.close();
    // The streams of sources stay open until somebody ends them.
    await this.#server.close(farewellMs);
    await this.#http?.close();
    this.#metrics.close();
    await this.#pool.close();
    await this.#cluster.close();
  }

  /** Where other sidecars reach this one. */
  get #ownUrl(): string {
    const { advertiseHost, grpc } = this.#options;
    return `${grpc.tls ? "https" : "http"}://${advertiseHost}:${this.#port}`;
  }

  get #port(): number {
    return Number(this.#address.slice(this.#address.lastIndexOf(":") + 1));
  }

  #registration(): MessageInit<RegisterSidecarRequest> {
    const { sidecarId, podName, namespace } = this.#options;
    return {
      sidecarId,
      podName,
      namespace,
      sidecarEndpoint: this.#ownUrl,
      localServices: this.#services.list.map((
        { serviceName, serviceType, localEndpoint },
      ) => ({ serviceName, serviceType, localEndpoint })),
    };
  }

  #listenToReaders(address: string): Promise<HttpServer> {
    return HttpServer.listen(address, {
      metrics: [
        () => this.#metrics.metrics(),
        () => flowMetrics(this.#flow),
        () => this.#pulls.metrics(),
        () => serviceMetrics(this.#services, this.#table),
      ],
      unready: () => this.#unready,
    }, "httpAddr");
  }

  #state(): SidecarState {
    const { cpu, memory } = this.#share.read();
    return {
      serviceHealth: this.#services.list.map((service) => ({
        serviceName: service.serviceName,
        healthy: this.#services.isHealthy(service),
        activeRequests: BigInt(this.#table.callsTo(service.localEndpoint)),
      })),
      load: {
        cpuUsage: cpu,
        memoryUsage: memory,
        totalActiveRequests: BigInt(this.#table.calls),
        localQueueDepth: BigInt(this.#flow.underWay.records),
      },
    };
  }

  #serverOf(
    offsets: SidecarOffsets,
    checkpoints: CheckpointClient,
  ): RpcServer {
    const server = new RpcServer(this.#options.grpc, report).add(
      dataPlaneService,
      new DataPlaneHandler({
        flow: this.#flow,
        expectSource: (...source) => offsets.expect(...source),
      }),
    ).add(checkpointService, sourceOffsets(checkpoints, this.#flow));
    this.#health.addTo(server);
    for (const service of reflectionServices) {
      server.add(service, reflectionHandlers(names));
    }
    return server;
  }
}

function report(path: string, error: unknown): void {
  log.error("Cannot answer a call", { path, error });
}
