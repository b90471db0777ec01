/**
 * The register of services. One registration at a time holds a service_id: a later one replaces it,
 * and what still comes from the replaced one is refused. A service whose lease runs out is
 * unhealthy, and gone one time-to-live later; when it is heard of in between it is as it was.
 */
import { Code } from "../errors.ts";
import { servicesMax } from "../limits.ts";
import type { HeldLease } from "../registry/lease.ts";
import { HealthStatus, type ServiceType } from "../../proto/messages/common.ts";
import {
  type DeregisterService,
  LeaseKind,
  type LeaseRef,
  type RegisterService,
  type SetServiceDraining,
  type SetServiceHealth,
  type SnapshotEntry,
} from "../../proto/messages/state.ts";
import { NameIndex } from "./name_index.ts";
import { OrderedTable } from "./ordered_table.ts";
import { done, noRoomFor, notFound, refuse } from "./rules.ts";
import { badSize, checkedService, healthInForm } from "./service_rules.ts";
import type {
  Aggregate,
  AppliedAt,
  Outcome,
  Refused,
  RegisteredService,
  SnapshotEntries,
  StateEvent,
} from "./types.ts";

/** Which services are meant. What is left out or empty selects all. */
export interface ServiceQuery {
  readonly type?: ServiceType;
  /** Name that instances share. */
  readonly name?: string;
  /** Group that the service says it is of. */
  readonly groupId?: string;
  /** The service has all of these labels. */
  readonly labels?: { readonly [name: string]: string };
  /** Whether unhealthy ones are meant too. @default false */
  readonly includeUnhealthy?: boolean;
}

/** What may be asked of the services. */
export interface ServicesView {
  readonly size: number;
  get(serviceId: string): RegisteredService | undefined;
  /** In order of their id. */
  list(query?: ServiceQuery): RegisteredService[];
}

/** How a service is: what it said, unless its lease ran out. */
export function healthOf(service: RegisteredService): HealthStatus {
  return service.expired ? HealthStatus.Unhealthy : service.health.status;
}

/** Whether a service is one of those that a query means. */
export function isMeant(
  service: RegisteredService,
  query: ServiceQuery,
): boolean {
  const { identity, metadata } = service;
  if (query.type && identity.serviceType !== query.type) return false;
  if (query.name && identity.name !== query.name) return false;
  if (query.groupId && identity.groupId !== query.groupId) return false;
  if (!query.includeUnhealthy && healthOf(service) === HealthStatus.Unhealthy) {
    return false;
  }
  for (const [name, value] of Object.entries(query.labels ?? {})) {
    if (!Object.hasOwn(metadata.labels, name)) return false;
    if (metadata.labels[name] !== value) return false;
  }
  return true;
}

/** The services, by id. */
export class Services implements Aggregate, ServicesView {
  readonly #table: OrderedTable<RegisteredService> = new OrderedTable();
  readonly #byName: NameIndex = new NameIndex();
  readonly #byGroup: NameIndex = new NameIndex();

  get size(): number {
    return this.#table.size;
  }

  get(serviceId: string): RegisteredService | undefined {
    return this.#table.get(serviceId);
  }

  list(query: ServiceQuery = {}): RegisteredService[] {
    const found: RegisteredService[] = [];
    for (const service of this.#candidates(query)) {
      if (isMeant(service, query)) found.push(service);
    }
    return found;
  }

  /** All leases, in order of the services' ids. */
  leases(): HeldLease[] {
    return Array.from(this.#table.values(), (service) => {
      const { leaseTtlMs: ttlMs, expired } = service;
      return { lease: leaseOf(service), ttlMs, expired };
    });
  }

  register({ service }: RegisterService, { atMs }: AppliedAt): Outcome {
    const checked = checkedService(service, atMs);
    if ("kind" in checked) return checked;
    const id = checked.identity.serviceId;
    const before = this.#table.get(id);
    if (!before && this.size >= servicesMax) {
      return noRoomFor("identity.service_id", "services", servicesMax);
    }
    this.#put(checked, before);
    return done([
      before
        ? { kind: "serviceModified", service: checked, before }
        : { kind: "serviceAdded", service: checked },
      {
        kind: "leaseStarted",
        lease: leaseOf(checked),
        ttlMs: checked.leaseTtlMs,
      },
    ]);
  }

  deregister({ serviceId, registrationId }: DeregisterService): Outcome {
    const held = this.#heldBy(serviceId, registrationId);
    return "refusal" in held ? held : done(this.#remove(held));
  }

  setHealth(command: SetServiceHealth): Outcome {
    const before = this.#heldBy(command.serviceId, command.registrationId);
    if ("refusal" in before) return before;
    const health = healthInForm(command.health);
    const bad = badSize("health", health);
    if (bad) return bad;
    const service = { ...before, health };
    this.#put(service, before);
    return done([{ kind: "serviceHealthChanged", service, before }]);
  }

  setDraining(command: SetServiceDraining): Outcome {
    const before = this.#heldBy(command.serviceId, command.registrationId);
    if ("refusal" in before) return before;
    if (before.draining === command.draining) return done([]);
    const service = { ...before, draining: command.draining };
    this.#put(service, before);
    return done([{ kind: "serviceModified", service, before }]);
  }

  /** Its lease ran out: it is unhealthy. */
  expire(lease: LeaseRef): readonly StateEvent[] {
    return this.#setExpired(lease, true);
  }

  /** It was heard of again. */
  revive(lease: LeaseRef): readonly StateEvent[] {
    return this.#setExpired(lease, false);
  }

  /** It was not heard of again. */
  removeExpired({ id, registrationId }: LeaseRef): readonly StateEvent[] {
    const service = this.#table.get(id);
    return service?.expired && service.registrationId === registrationId
      ? this.#remove(service)
      : [];
  }

  freeze(): SnapshotEntries {
    return entriesOf(this.#table.fork());
  }

  load({ service }: SnapshotEntry): boolean {
    if (!service) return false;
    // What is in a snapshot was checked before it was registered.
    this.#put(service as RegisteredService, undefined);
    return true;
  }

  #setExpired(
    lease: LeaseRef,
    expired: boolean,
  ): readonly StateEvent[] {
    const before = this.#table.get(lease.id);
    if (before?.registrationId !== lease.registrationId) return [];
    if (before.expired === expired) return [];
    const service = { ...before, expired };
    this.#put(service, before);
    return [
      { kind: expired ? "leaseExpired" : "leaseRevived", lease },
      { kind: "serviceHealthChanged", service, before },
    ];
  }

  /** The service, if that registration holds it. */
  #heldBy(
    serviceId: string,
    registrationId: string,
  ): RegisteredService | Refused {
    const service = this.#table.get(serviceId);
    if (!service) {
      return notFound("service_id", "registered service", serviceId);
    }
    if (service.registrationId === registrationId) return service;
    return refuse(
      Code.FailedPrecondition,
      "registration_id",
      `must be that of the present registration of service "${serviceId}"`,
      registrationId,
    );
  }

  #candidates({ name, groupId }: ServiceQuery): Iterable<RegisteredService> {
    if (!name && !groupId) return this.#table.values();
    const ids = name ? this.#byName.ids(name) : this.#byGroup.ids(groupId!);
    return ids.map((id) => this.#table.get(id)!);
  }

  #put(
    service: RegisteredService,
    before: RegisteredService | undefined,
  ): void {
    const { serviceId, name, groupId } = service.identity;
    if (before) this.#unindex(before);
    this.#byName.add(name, serviceId);
    this.#byGroup.add(groupId, serviceId);
    this.#table.set(serviceId, service);
  }

  #remove(service: RegisteredService): StateEvent[] {
    this.#unindex(service);
    this.#table.delete(service.identity.serviceId);
    return [
      { kind: "serviceRemoved", service },
      { kind: "leaseEnded", lease: leaseOf(service) },
    ];
  }

  #unindex({ identity }: RegisteredService): void {
    this.#byName.remove(identity.name, identity.serviceId);
    this.#byGroup.remove(identity.groupId, identity.serviceId);
  }
}

function* entriesOf(table: OrderedTable<RegisteredService>): SnapshotEntries {
  for (const service of table.values()) yield { service };
}

function leaseOf(service: RegisteredService): LeaseRef {
  return {
    kind: LeaseKind.Service,
    id: service.identity.serviceId,
    registrationId: service.registrationId,
  };
}
