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
  type ListServicesRequest,
  type RegisteredService as WireService,
  type ServiceRegistryMethods,
} from "../../proto/messages/registry.ts";
import {
  LeaseKind,
  type Service as ServiceEntry,
} from "../../proto/messages/state.ts";
import { type Service, serviceOf } from "../../proto/service.ts";
import type { LeaseKeeper } from "../consensus/lease_keeper.ts";
import type { ReplicatedState } from "../consensus/replicated_state.ts";
import { dialledHostForm, formOption } from "../address_forms.ts";
import { invalidArgument } from "../errors.ts";
import {
  initialCredits,
  serviceDrainMs,
  serviceDrainMsMax,
  serviceLabelsMax,
} from "../limits.ts";
import { requiredString } from "../options.ts";
import type { CallContext, Handlers } from "../rpc/handler.ts";
import { refusalError } from "../state/answer.ts";
import { checkedService } from "../state/service_rules.ts";
import { healthOf, type ServiceQuery } from "../state/services.ts";
import type { RegisteredService } from "../state/types.ts";
import { leaseTtlOf } from "./lease_ttl.ts";
import { nameFrom, requestIdOf } from "./request_id.ts";
import { serviceChange } from "./service_events.ts";
import { ServiceHeartbeats } from "./service_heartbeats.ts";
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

type RegistryHandlers = Required<Handlers<ServiceRegistryMethods>>;
type Method<K extends keyof ServiceRegistryMethods> = RegistryHandlers[K];

/** The handlers of a node. */
export class RegistryHandler implements RegistryHandlers {
  readonly #replicated: ReplicatedState;
  readonly #leases: LeaseKeeper;
  readonly #activity: ServiceActivity;
  readonly #heartbeats: ServiceHeartbeats;

  constructor(
    replicated: ReplicatedState,
    leases: LeaseKeeper,
    activity: ServiceActivity,
  ) {
    this.#replicated = replicated;
    this.#leases = leases;
    this.#activity = activity;
    this.#heartbeats = new ServiceHeartbeats(replicated, leases);
  }

  register: Method<"register"> = async (request, context) => {
    const { identity, endpoint, metadata, sidecarId } = request;
    const serviceId = requiredString(
      "identity.service_id",
      identity?.serviceId,
    );
    // What the router cannot dial would be told only once records wait for it.
    if (endpoint) {
      formOption("endpoint.host", endpoint.host, dialledHostForm);
    }
    const leaseTtlMs = leaseTtlOf(request.heartbeatInterval);
    const requestId = requestIdOf(context);
    const registrationId = nameFrom(requestId);
    const leaseId = `lease-${registrationId}`;
    const action = `register service "${serviceId}"`;
    const service: ServiceEntry = {
      identity,
      endpoint,
      metadata,
      sidecarId,
      registrationId,
      leaseId,
      leaseTtlMs,
      health: { status: HealthStatus.Healthy, message: "", components: {} },
      registeredAtMs: 0,
      expired: false,
      draining: false,
    };
    // What no node takes is not sent to each of them first: it may be large.
    const checked = checkedService(service, 0);
    if ("refusal" in checked) throw refusalError(action, checked.refusal);
    await this.#replicated.change(
      action,
      { registerService: { service } },
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
  ): AsyncIterable<MessageInit<HeartbeatResponse>> {
    return this.#heartbeats.answer(requests, signal);
  }

  listServices: Method<"listServices"> = async (request, { signal }) => {
    const query = queryOf(request, request.includeUnhealthy);
    const state = await this.#replicated.upToDate(signal);
    const services = state.services.list(query);
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
    const query = queryOf(request, true);
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
      const { eventType, service, partitions } = serviceChange(event, query)!;
      yield { eventType, service: this.#toWire(service, partitions) };
    }
  }

  getServiceEndpoints: Method<"getServiceEndpoints"> = async (
    request,
    { signal },
  ) => {
    const state = await this.#replicated.upToDate(signal);
    const services = state.select({
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
          assignedPartitions: this.#partitionsOf(
            service.identity.serviceId,
            request.groupId,
          ),
        })),
    };
  };

  joinGroup: Method<"joinGroup"> = async (request, context) => {
    const { serviceId, groupId, stageId, partitionPreferences } = request;
    requiredString("service_id", serviceId);
    requiredString("group_id", groupId);
    const { group } = await this.#replicated.change(
      `take service "${serviceId}" into group "${groupId}"`,
      {
        joinGroup: {
          serviceId,
          groupId,
          stageId,
          preferences: partitionPreferences,
        },
      },
      context.signal,
      requestIdOf(context),
    );
    return {
      success: true,
      generation: BigInt(group?.generation ?? 0),
      assignedPartitions: group?.partitions,
    };
  };

  leaveGroup: Method<"leaveGroup"> = async (request, context) => {
    const { serviceId, groupId, graceful } = request;
    requiredString("service_id", serviceId);
    requiredString("group_id", groupId);
    await this.#replicated.change(
      `take service "${serviceId}" out of group "${groupId}"`,
      { leaveGroup: { serviceId, groupId } },
      context.signal,
      requestIdOf(context),
    );
    if (graceful) {
      await this.#drain(serviceId, serviceDrainMs, context.signal);
    }
    return { success: true };
  };

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

  /** By default with the partitions that it has in all its groups. */
  #toWire(
    service: RegisteredService,
    assignedPartitions = this.#partitionsOf(service.identity.serviceId),
  ): MessageInit<WireService> {
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
      assignedPartitions,
    };
  }

  /** Partitions of a service, in a group or in all of its groups. */
  #partitionsOf(serviceId: string, groupId = ""): readonly number[] {
    const { groups } = this.#replicated.state;
    const ids = groupId === "" ? groups.groupsOf(serviceId) : [groupId];
    const partitions = ids.flatMap((id) =>
      groups.member(id, serviceId)?.assigned ?? []
    );
    return ids.length <= 1
      ? partitions
      : [...new Set(partitions)].sort((a, b) => a - b);
  }
}

/** The services that a request means. Each is held against all labels, so that these are bounded. */
function queryOf(
  { typeFilter: type, labelSelector: labels }: Pick<
    ListServicesRequest,
    "typeFilter" | "labelSelector"
  >,
  includeUnhealthy: boolean,
): ServiceQuery {
  const count = Object.keys(labels).length;
  if (count <= serviceLabelsMax) return { type, labels, includeUnhealthy };
  throw invalidArgument(
    "label_selector",
    `must have at most ${serviceLabelsMax} labels, as a service has`,
    `${count} labels`,
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
