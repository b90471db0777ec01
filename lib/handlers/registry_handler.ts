/**
 * ServiceRegistry: which services there are. Entries and what changes in them go through the log; a
 * heartbeat renews a lease in the leader's memory and becomes a command only when it says something
 * new. A watcher gets the services as they are and then every change in order, or is told to start
 * again.
 */
import type { MessageInit } from "../../proto/codec.ts";
import { HealthStatus } from "../../proto/messages/common.ts";
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
import type { LeaseKeeper } from "../consensus/lease_keeper.ts";
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import { invalidArgument } from "../errors.ts";
import {
  initialCredits,
  leaseTtlMsMax,
  leaseTtlMsMin,
  leaseTtlPerHeartbeat,
} from "../limits.ts";
import { requiredString } from "../options.ts";
import type { CallContext, Handlers } from "../rpc/handler.ts";
import { healthOf, isMeant, type ServiceQuery } from "../state/services.ts";
import type { RegisteredService, StateEvent } from "../state/types.ts";
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

  register: Method<"register"> = async (request, { signal }) => {
    const { identity, endpoint, metadata, sidecarId } = request;
    const serviceId = requiredString(
      "identity.service_id",
      identity?.serviceId,
    );
    const leaseTtlMs = leaseTtlOf(request.heartbeatInterval);
    const registrationId = crypto.randomUUID();
    const leaseId = crypto.randomUUID();
    await this.#replicated.change(`register service "${serviceId}"`, {
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
    }, signal);
    return {
      success: true,
      registrationId,
      leaseId,
      leaseTtl: durationOf(leaseTtlMs),
      initialCredits: BigInt(initialCredits),
    };
  };

  deregister: Method<"deregister"> = async (request, { signal }) => {
    const { serviceId, registrationId, graceful, drainTimeout } = request;
    const action = `deregister service "${serviceId}"`;
    if (graceful) {
      await this.#replicated.change(action, {
        setServiceDraining: { serviceId, registrationId, draining: true },
      }, signal);
      const timeout = AbortSignal.timeout(msOf(drainTimeout) ?? 10_000);
      await this.#activity.serviceDrained(
        serviceId,
        AbortSignal.any([signal, timeout]),
      ).catch(() => {});
    }
    const pendingRecords = this.#activity.pendingRecords(serviceId);
    await this.#replicated.change(action, {
      deregisterService: { serviceId, registrationId },
    }, signal);
    return { success: true, pendingRecords };
  };

  async *heartbeat(
    requests: AsyncIterable<HeartbeatRequest>,
    { signal }: CallContext,
  ): AsyncGenerator<MessageInit<HeartbeatResponse>, void, void> {
    let told = false;
    for await (const request of requests) {
      const { serviceId, registrationId, health } = request;
      const lease = { kind: LeaseKind.Service, id: serviceId, registrationId };
      const renewal = await this.#leases.renew(lease);
      if (renewal.kind !== "renewed") {
        yield { acknowledged: false };
        continue;
      }
      const service = this.#replicated.state.services.get(serviceId);
      if (health && service && differs(health, service.health)) {
        await this.#replicated.change(
          `change the health of service "${serviceId}"`,
          { setServiceHealth: { serviceId, registrationId, health } },
          signal,
        );
      }
      const draining = service?.draining ?? false;
      const commands = drainCommands(told, draining);
      told = draining;
      yield {
        acknowledged: true,
        nextHeartbeatDeadline: durationOf(renewal.lastsMs),
        commands,
      };
    }
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
    for await (const { event } of metadata.watch(index, signal)) {
      const change = serviceChange(event, query);
      if (change === undefined) continue;
      const [eventType, service] = change;
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
function leaseTtlOf(
  interval: Parameters<typeof msOf>[0],
): number {
  const ms = (msOf(interval) ?? 0) * leaseTtlPerHeartbeat;
  if (ms === 0) return 15_000;
  if (ms > 0 && ms <= leaseTtlMsMax) return Math.max(ms, leaseTtlMsMin);
  throw invalidArgument(
    "heartbeat_interval",
    `must be from 0 to ${leaseTtlMsMax / leaseTtlPerHeartbeat} ms`,
    msOf(interval),
  );
}

/** What a watcher of `query` is told of an event: one that begins to fit is added, and so on. */
function serviceChange(
  event: StateEvent,
  query: ServiceQuery,
): [EventType, RegisteredService] | undefined {
  switch (event.kind) {
    case "serviceAdded":
      return isMeant(event.service, query)
        ? [EventType.Added, event.service]
        : undefined;
    case "serviceRemoved":
      return isMeant(event.service, query)
        ? [EventType.Removed, event.service]
        : undefined;
    case "serviceModified":
    case "serviceHealthChanged": {
      const before = isMeant(event.before, query);
      const after = isMeant(event.service, query);
      if (!before && !after) return undefined;
      if (!before) return [EventType.Added, event.service];
      if (!after) return [EventType.Removed, event.before];
      return [
        event.kind === "serviceModified"
          ? EventType.Modified
          : EventType.HealthChanged,
        event.service,
      ];
    }
    default:
      return undefined;
  }
}

function differs(a: ServiceHealth, b: Readonly<ServiceHealth>): boolean {
  return a.status !== b.status || a.message !== b.message ||
    JSON.stringify(a.components) !== JSON.stringify(b.components);
}

function drainCommands(
  told: boolean,
  draining: boolean,
): MessageInit<RouterCommand>[] {
  if (draining === told) return [];
  return draining
    ? [{ drain: { reason: "the service is being deregistered" } }]
    : [{ resume: {} }];
}
