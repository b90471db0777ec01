/** Enters services in a router's register, keeps them there, and finds others. */
import { Code, ConveyorError } from "../lib/errors.ts";
import { callTimeoutMs, serviceDrainMs } from "../lib/limits.ts";
import { requiredString, timeOption } from "../lib/options.ts";
import type { MessageInit } from "../proto/codec.ts";
import type {
  EndpointInfo,
  GetServiceEndpointsRequest,
  HeartbeatRequest,
  HeartbeatResponse,
  JoinGroupRequest,
  JoinGroupResponse,
  ListServicesRequest,
  RegisteredService,
  RegisterRequest,
  RegisterResponse,
  ServiceEvent,
  ServiceRegistryMethods,
  WatchServicesRequest,
} from "../proto/messages/registry.ts";
import { type Service, serviceOf } from "../proto/service.ts";
import type { ConnectOptions } from "./channel_options.ts";
import { onlyItem } from "./only_item.ts";
import { RouterChannel } from "./router_channel.ts";
import type { CallOptions, Transport } from "./transport.ts";

const { methods }: Service<ServiceRegistryMethods> = serviceOf(
  "conveyor.registry.ServiceRegistry",
);

/** How a service leaves. */
export interface DeregisterOptions extends CallOptions {
  /** Gives it nothing new, and lets it finish what is under way. @default false */
  readonly graceful?: boolean;
  /** Time that it may take for that, in ms; at most an hour. @default 10000 */
  readonly drainTimeoutMs?: number;
}

/**
 * A client of the register of services, over one or several routers of a cluster. A call that meets a
 * router which is gone is repeated on another, and carried out once.
 *
 * Every method rejects with a `ConveyorError`: `NotFound` with the id for a service or group that there
 * is not, `FailedPrecondition` for a registration that was replaced, `InvalidArgument` that names the
 * field, and `Unavailable` when no router can be reached or no majority of them.
 *
 * @example Register a service, and find it
 * ```ts
 * import { RegistryClient, ServiceType } from "@conveyor/grpc";
 *
 * async function find(routers: readonly string[]): Promise<number> {
 *   await using registry = await RegistryClient.connect(routers);
 *   const { registrationId } = await registry.register({
 *     identity: { serviceId: "enrich-1", name: "enrich", serviceType: ServiceType.Transform },
 *     endpoint: { host: "10.0.0.7", port: 50051 },
 *   });
 *   const found = await registry.endpoints({ serviceName: "enrich" });
 *   await registry.deregister("enrich-1", registrationId);
 *   return found.length;
 * }
 * ```
 */
export class RegistryClient implements AsyncDisposable {
  readonly #transport: Transport;

  /** A client over a connection that exists already; `connect` makes one. */
  constructor(transport: Transport) {
    this.#transport = transport;
  }

  /** Connects to a router, or to the first of several that answers. */
  static async connect(
    routers: string | readonly string[],
    options?: ConnectOptions,
  ): Promise<RegistryClient> {
    return new RegistryClient(await RouterChannel.connect(routers, options));
  }

  /** Enters a service. Who held its id before is replaced. */
  async register(
    request: MessageInit<RegisterRequest>,
    options?: CallOptions,
  ): Promise<RegisterResponse> {
    requiredString("identity.serviceId", request.identity?.serviceId);
    const { message } = await this.#transport.unary(
      methods.register,
      request,
      options,
    );
    if (message.success) return message;
    throw new ConveyorError(
      Code.FailedPrecondition,
      `Cannot register service "${request.identity?.serviceId}": the router refused it`,
    );
  }

  /** Takes a service out; resolves with the number of records that were still under way to it. */
  async deregister(
    serviceId: string,
    registrationId: string,
    options: DeregisterOptions = {},
  ): Promise<bigint> {
    const { graceful = false, drainTimeoutMs, ...call } = options;
    const drainMs = timeOption(
      "drainTimeoutMs",
      drainTimeoutMs,
      serviceDrainMs,
      0,
    );
    // The router answers when it is done, or the time for it is over.
    const timeoutMs = options.timeoutMs ??
      (graceful ? drainMs + callTimeoutMs : callTimeoutMs);
    const { message } = await this.#transport.unary(methods.deregister, {
      serviceId: requiredString("serviceId", serviceId),
      registrationId: requiredString("registrationId", registrationId),
      graceful,
      drainTimeout: {
        seconds: BigInt(Math.trunc(drainMs / 1_000)),
        nanos: Math.trunc(drainMs % 1_000) * 1_000_000,
      },
    }, { ...call, timeoutMs });
    return message.pendingRecords;
  }

  /**
   * Sends heartbeats, and yields one answer to each, in their order. They may be of many services: a
   * process that hosts several keeps all of them by one stream, which costs the router less. The stream
   * stays with one router and ends with its error when that is lost: go on with a new one, under the
   * same registrations.
   */
  heartbeats(
    requests: AsyncIterable<MessageInit<HeartbeatRequest>>,
    options?: CallOptions,
  ): AsyncIterable<HeartbeatResponse> {
    return this.#transport.stream(methods.heartbeat, requests, options);
  }

  /** The services that are meant, in order of their id; only healthy ones unless asked for more. */
  async listServices(
    request: MessageInit<ListServicesRequest> = {},
    options?: CallOptions,
  ): Promise<readonly RegisteredService[]> {
    const { message } = await this.#transport.unary(
      methods.listServices,
      request,
      options,
    );
    return message.services;
  }

  /**
   * The present services as Added, then every change in order. Ends with `Aborted` when the caller
   * reads too slowly, and with `Unavailable` when the router is lost: watch again from the beginning.
   */
  watchServices(
    request: MessageInit<WatchServicesRequest> = {},
    options?: CallOptions,
  ): AsyncIterable<ServiceEvent> {
    return this.#transport.stream(
      methods.watchServices,
      onlyItem(request),
      options,
    );
  }

  /** Where the healthy instances of a service, or the members of a group, are reached. */
  async endpoints(
    request: MessageInit<GetServiceEndpointsRequest>,
    options?: CallOptions,
  ): Promise<readonly EndpointInfo[]> {
    const { message } = await this.#transport.unary(
      methods.getServiceEndpoints,
      request,
      options,
    );
    return message.endpoints;
  }

  /** Makes a registered service a member of a group; resolves with its share of the partitions. */
  async joinGroup(
    request: MessageInit<JoinGroupRequest>,
    options?: CallOptions,
  ): Promise<JoinGroupResponse> {
    requiredString("serviceId", request.serviceId);
    requiredString("groupId", request.groupId);
    const { message } = await this.#transport.unary(
      methods.joinGroup,
      request,
      options,
    );
    return message;
  }

  /** Ends a membership; with `graceful` once nothing is under way to the service. */
  async leaveGroup(
    serviceId: string,
    groupId: string,
    graceful = false,
    options?: CallOptions,
  ): Promise<void> {
    await this.#transport.unary(methods.leaveGroup, {
      serviceId: requiredString("serviceId", serviceId),
      groupId: requiredString("groupId", groupId),
      graceful,
    }, { timeoutMs: callTimeoutMs, ...options });
  }

  /** Ends the connection. Idempotent. */
  close(): Promise<void> {
    return this.#transport.close();
  }

  /** As `close()`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
