/**
 * ServiceRegistry: which services there are. Entries and what changes in them go through the log; a
 * heartbeat renews a lease in the leader's memory and becomes a command only when it says something
 * new. A watcher gets the services as they are and then every change in order, or is told to start
 * again.
 */
import type { MessageInit } from "../../proto/codec.ts";
import { HealthStatus } from "../../proto/messages/common.ts";
import type { Duration } from "../../proto/messages/google.ts";
import {
  EventType,
  type HeartbeatRequest,
  type HeartbeatResponse,
  type RegisteredService as WireService,
  type RouterCommand,
  type ServiceHealth,
  type ServiceRegistryMethods,
} from "../../proto/messages/registry.ts";
import { LeaseKind } from "../../proto/messages/state.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import type { LeaseKeeper, LeaseRenewal } from "../consensus/lease_keeper.ts";
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import { Code, ConveyorError, invalidArgument } from "../errors.ts";
import {
  heartbeatsAtOnceMax,
  initialCredits,
  leaseTtlMsMax,
  leaseTtlMsMin,
  leaseTtlPerHeartbeat,
  serviceDrainMs,
  serviceDrainMsMax,
  serviceHeartbeatMs,
} from "../limits.ts";
import { requiredString } from "../options.ts";
import type { CallContext, Handlers } from "../rpc/handler.ts";
import { overlapped } from "../rpc/overlapped.ts";
import { healthInForm } from "../state/service_rules.ts";
import { healthOf, type ServiceQuery } from "../state/services.ts";
import type { RegisteredService } from "../state/types.ts";
import { nameFrom, requestIdOf } from "./request_id.ts";
import { serviceChange } from "./service_events.ts";
import { durationOf, msOf, timestampOf } from "./wire_time.ts";

/** ServiceRegistry, for the server to serve. */
export const registryService: Service<ServiceRegistryMethods> = serviceOf(
  "conveyor.registry.ServiceRegistry",
);

/** What runs to a service on this node. */
export interface ServiceActivity {
  /** Records under way to an instance. */
  pendingRecords(serviceId: string): bigint;
  /** Resolves when nothing is under way to it any more. */
  serviceDrained(serviceId: string, signal: AbortSignal): Promise<void>;
}

type RegistryHandlers = Handlers<ServiceRegistryMethods>;
type Method<K extends keyof ServiceRegistryMethods> = NonNullable<
  RegistryHandlers[K]
>;

/** The handlers of a node. */
export class RegistryHandler implements RegistryHandlers {
  readonly #replicated: ReplicatedState;
  readonly #leases: LeaseKeeper;
  readonly #activity: ServiceActivity;

  constructor(
    replicated: ReplicatedState,
    leases: LeaseKeeper,
    activity: ServiceActivity,
  ) {
    this.#replicated = replicated;
    this.#leases = leases;
    this.#activity = activity;
  }

  register: Method<"register"> = async (request, context) => {
    const { identity, endpoint, metadata, sidecarId } = request;
    const serviceId = requiredString(
      "identity.service_id",
      identity?.serviceId,
    );
    const leaseTtlMs = leaseTtlOf(request.heartbeatInterval);
    const requestId = requestIdOf(context);
    const registrationId = nameFrom(requestId);
    const leaseId = `lease-${registrationId}`;
    await this.#replicated.change(
      `register service "${serviceId}"`,
      {
        registerService: {
          service: {
            identity,
            endpoint,
            metadata,
            sidecarId,
            registrationId,
            leaseId,
            leaseTtlMs,
            health: { status: HealthStatus.Healthy },
          },
        },
      },
      context.signal,
      requestId,
    );
    return {
      success: true,
      registrationId,
      leaseId,
      leaseTtl: durationOf(leaseTtlMs),
      initialCredits: BigInt(initialCredits),
    };
  };

  deregister: Method<"deregister"> = async (request, context) => {
    const { serviceId, registrationId, graceful } = request;
    const { signal } = context;
    requiredString("service_id", serviceId);
    const drainMs = drainMsOf(request.drainTimeout);
    const requestId = requestIdOf(context);
    const action = `deregister service "${serviceId}"`;
    if (graceful) {
      await this.#replicated.change(
        action,
        {
          setServiceDraining: { serviceId, registrationId, draining: true },
        },
        signal,
        requestId,
      );
      await this.#drain(serviceId, drainMs, signal);
    }
    const pendingRecords = this.#activity.pendingRecords(serviceId);
    await this.#replicated.change(
      action,
      {
        deregisterService: { serviceId, registrationId },
      },
      signal,
      requestId,
    );
    return { success: true, pendingRecords };
  };

  heartbeat(
    requests: AsyncIterable<HeartbeatRequest>,
    { signal }: CallContext,
  ): AsyncGenerator<MessageInit<HeartbeatResponse>, void, void> {
    const draining = new Set<string>();
    return overlapped(requests, heartbeatsAtOnceMax, (request) => {
      const { serviceId: id, registrationId } = request;
      const renewal = this.#leases.renew({
        kind: LeaseKind.Service,
        id,
        registrationId,
      });
      // Told when it is its turn.
      renewal.catch(() => {});
      return async () =>
        await this.#answer(request, await renewal, draining, signal);
    });
  }

  listServices: Method<"listServices"> = async (request, { signal }) => {
    const state = await this.#replicated.upToDate(signal);
    const services = state.services.list({
      type: request.typeFilter,
      labels: request.labelSelector,
      includeUnhealthy: request.includeUnhealthy,
    });
    return { services: services.map((service) => this.#toWire(service)) };
  };

  async *watchServices(
    request: Parameters<Method<"watchServices">>[0],
    { signal }: CallContext,
  ): AsyncGenerator<
    { eventType: EventType; service: MessageInit<WireService> },
    void,
    void
  > {
    const { metadata } = this.#replicated;
    const query: ServiceQuery = {
      type: request.typeFilter,
      labels: request.labelSelector,
      includeUnhealthy: true,
    };
    const state = await this.#replicated.upToDate(signal);
    // Taken in one go, so that no change falls between the two.
    const index = metadata.appliedIndex;
    const present = state.services.list(query);
    for (const service of present) {
      yield { eventType: EventType.Added, service: this.#toWire(service) };
    }
    const changes = metadata.watch(
      index,
      signal,
      (event) => serviceChange(event, query) !== undefined,
    );
    for await (const { event } of changes) {
      const [eventType, service] = serviceChange(event, query)!;
      yield { eventType, service: this.#toWire(service) };
    }
  }

  getServiceEndpoints: Method<"getServiceEndpoints"> = async (
    request,
    { signal },
  ) => {
    const state = await this.#replicated.upToDate(signal);
    const services = state.services.list({
      name: request.serviceName,
      type: request.serviceType,
      groupId: request.groupId,
    });
    return {
      endpoints: services
        .filter(({ endpoint, draining }) => endpoint && !draining)
        .map((service) => ({
          serviceId: service.identity.serviceId,
          endpoint: service.endpoint,
          weight: service.metadata.weight || 1,
          health: healthOf(service),
        })),
    };
  };

  /** Answers a heartbeat; `draining` has the services of its stream that were told to drain. */
  async #answer(
    request: HeartbeatRequest,
    renewal: LeaseRenewal,
    draining: Set<string>,
    signal: AbortSignal,
  ): Promise<MessageInit<HeartbeatResponse>> {
    const { serviceId } = request;
    const held = renewal.kind === "renewed" &&
      await this.#noteHealth(request, signal);
    if (!held) {
      draining.delete(serviceId);
      return { acknowledged: false };
    }
    const service = this.#replicated.state.services.get(serviceId);
    return {
      acknowledged: true,
      nextHeartbeatDeadline: durationOf(renewal.lastsMs),
      commands: drainCommands(draining, serviceId, service?.draining ?? false),
    };
  }

  /** Has a health that is new known everywhere; whether the registration still holds its id. */
  async #noteHealth(
    { serviceId, registrationId, health }: HeartbeatRequest,
    signal: AbortSignal,
  ): Promise<boolean> {
    const service = this.#replicated.state.services.get(serviceId);
    // This node may not have heard of the registration yet: the next heartbeat comes.
    if (!health || service?.registrationId !== registrationId) return true;
    if (!isNews(health, service.health)) return true;
    try {
      await this.#replicated.change(
        `change the health of service "${serviceId}"`,
        { setServiceHealth: { serviceId, registrationId, health } },
        signal,
      );
      return true;
    } catch (error) {
      if (isReplaced(error)) return false;
      throw error;
    }
  }

  /** Waits until nothing is under way to a service, for a bounded time. */
  async #drain(
    serviceId: string,
    ms: number,
    signal: AbortSignal,
  ): Promise<void> {
    const enough = new AbortController();
    const timer = setTimeout(() => enough.abort(), ms);
    const either = AbortSignal.any([signal, enough.signal]);
    try {
      await this.#activity.serviceDrained(serviceId, either);
    } catch (error) {
      if (!enough.signal.aborted) throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #toWire(service: RegisteredService): MessageInit<WireService> {
    const { identity, endpoint, metadata, health } = service;
    const heardAtMs = this.#leases.heardAtMs({
      kind: LeaseKind.Service,
      id: identity.serviceId,
    });
    return {
      identity,
      endpoint,
      metadata,
      health: { ...health, status: healthOf(service) },
      registeredAt: timestampOf(service.registeredAtMs),
      lastHeartbeat: heardAtMs === undefined
        ? undefined
        : timestampOf(heardAtMs),
    };
  }
}

/** Three heartbeats may be lost before the lease runs out. */
function leaseTtlOf(interval: Duration | undefined): number {
  const ms = msOf(interval) || serviceHeartbeatMs;
  const ttlMs = Math.ceil(ms * leaseTtlPerHeartbeat);
  if (ms > 0 && ttlMs <= leaseTtlMsMax) return Math.max(ttlMs, leaseTtlMsMin);
  throw invalidArgument(
    "heartbeat_interval",
    `must be from 0 to ${leaseTtlMsMax / leaseTtlPerHeartbeat} ms`,
    ms,
  );
}

function drainMsOf(timeout: Duration | undefined): number {
  const ms = msOf(timeout) ?? serviceDrainMs;
  if (ms >= 0 && ms <= serviceDrainMsMax) return ms;
  throw invalidArgument(
    "drain_timeout",
    `must be from 0 to ${serviceDrainMsMax} ms`,
    ms,
  );
}

/** Whether a service says of its health what the state has not. */
function isNews(said: ServiceHealth, known: Readonly<ServiceHealth>): boolean {
  const { status, message, components } = healthInForm(said);
  return status !== known.status || message !== known.message ||
    JSON.stringify(components) !== JSON.stringify(known.components);
}

/** That the registration is not the present one is told in the answer to its heartbeat. */
function isReplaced(error: unknown): boolean {
  return error instanceof ConveyorError &&
    (error.code === Code.FailedPrecondition || error.code === Code.NotFound);
}

function drainCommands(
  told: Set<string>,
  serviceId: string,
  draining: boolean,
): MessageInit<RouterCommand>[] {
  if (draining === told.has(serviceId)) return [];
  if (draining) told.add(serviceId);
  else told.delete(serviceId);
  return draining
    ? [{ drain: { reason: "the service is being deregistered" } }]
    : [{ resume: {} }];
}
