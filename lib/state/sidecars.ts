/**
 * The register of sidecars. One registration at a time holds a sidecar_id, and it lives by a lease
 * like a service does. Beside what a sidecar says of itself stands what it was last told to run: so
 * it is known after a change of leader what it knows, and nothing is told twice or forgotten.
 */
import { Code } from "../errors.ts";
import { sidecarsMax } from "../limits.ts";
import type { HeldLease } from "../registry/lease.ts";
import type { PlaceableSidecar } from "../registry/placement.ts";
import { hashText } from "../registry/rendezvous.ts";
import { ServiceType } from "../../proto/messages/sidecar.ts";
import { StageType } from "../../proto/messages/router.ts";
import {
  type DeregisterSidecar,
  LeaseKind,
  type LeaseRef,
  type RegisterSidecar,
  type SetSidecarDraining,
  type SetSidecarHealth,
  type Sidecar,
  type SnapshotEntry,
  type TellSidecar,
} from "../../proto/messages/state.ts";
import { NameIndex } from "./name_index.ts";
import { OrderedTable } from "./ordered_table.ts";
import { done, noRoomFor, notFound, refuse } from "./rules.ts";
import { byName } from "./service_rules.ts";
import { checkedSidecar } from "./sidecar_rules.ts";
import type {
  Aggregate,
  AppliedAt,
  Outcome,
  Refused,
  SnapshotEntries,
  StateEvent,
} from "./types.ts";

/** What may be asked of the sidecars. */
export interface SidecarsView {
  readonly size: number;
  get(sidecarId: string): Readonly<Sidecar> | undefined;
  /** All sidecars, in order of their id. */
  list(): Readonly<Sidecar>[];
}

/** The sidecars, by id. */
export class Sidecars implements Aggregate, SidecarsView {
  readonly #table: OrderedTable<Readonly<Sidecar>> = new OrderedTable();
  readonly #byService: NameIndex = new NameIndex();

  get size(): number {
    return this.#table.size;
  }

  get(sidecarId: string): Readonly<Sidecar> | undefined {
    return this.#table.get(sidecarId);
  }

  list(): Readonly<Sidecar>[] {
    return [...this.#table.values()];
  }

  /** The sidecars that may run a stage of that service, in order of their id. */
  having(service: string, stageType: number): PlaceableSidecar[] {
    return this.#byService.ids(service)
      .map((id) => placeable(this.#table.get(id)!))
      .filter((each) => each.localEndpoint(service, stageType) !== undefined);
  }

  /** All leases, in order of the sidecars' ids. */
  leases(): HeldLease[] {
    return Array.from(this.#table.values(), (sidecar) => {
      const { leaseTtlMs: ttlMs, expired } = sidecar;
      return { lease: leaseOf(sidecar), ttlMs, expired };
    });
  }

  register({ sidecar }: RegisterSidecar, { atMs }: AppliedAt): Outcome {
    const checked = checkedSidecar(sidecar, atMs);
    if ("refusal" in checked) return checked;
    const { sidecarId, leaseTtlMs: ttlMs } = checked;
    if (!this.#table.has(sidecarId) && this.size >= sidecarsMax) {
      return noRoomFor("sidecar_id", "sidecars", sidecarsMax);
    }
    const lease = leaseOf(checked);
    return done([
      this.#put(checked),
      { kind: "leaseStarted", lease, ttlMs },
    ]);
  }

  deregister({ sidecarId, registrationId }: DeregisterSidecar): Outcome {
    const held = this.#heldBy(sidecarId, registrationId);
    return "refusal" in held ? held : done(this.#remove(held));
  }

  setHealth(command: SetSidecarHealth): Outcome {
    const before = this.#heldBy(command.sidecarId, command.registrationId);
    if ("refusal" in before) return before;
    const names = new Set(before.services.map((each) => each.serviceName));
    const unhealthy = [...new Set(command.unhealthy)]
      .filter((name) => names.has(name)).sort();
    const same = unhealthy.length === before.unhealthy.length &&
      unhealthy.every((name, i) => name === before.unhealthy[i]);
    return done(same ? [] : [this.#put({ ...before, unhealthy })]);
  }

  setDraining(command: SetSidecarDraining): Outcome {
    const before = this.#heldBy(command.sidecarId, command.registrationId);
    if ("refusal" in before) return before;
    const { draining } = command;
    return done(
      before.draining === draining ? [] : [
        this.#put({ ...before, draining, toldDraining: false }),
      ],
    );
  }

  /** It was told what to run. Nobody else is. */
  tell(command: TellSidecar): Outcome {
    const before = this.#heldBy(command.sidecarId, command.registrationId);
    if ("refusal" in before) return before;
    const { told, toldDraining } = command;
    this.#put({ ...before, told: byName(told), toldDraining });
    return done([]);
  }

  /** Its lease ran out: it runs nothing. */
  expire(lease: LeaseRef): readonly StateEvent[] {
    return this.#setExpired(lease, true);
  }

  /** It was heard of again. */
  revive(lease: LeaseRef): readonly StateEvent[] {
    return this.#setExpired(lease, false);
  }

  /** It was not heard of again. */
  removeExpired({ id, registrationId }: LeaseRef): readonly StateEvent[] {
    const sidecar = this.#table.get(id);
    return sidecar?.expired && sidecar.registrationId === registrationId
      ? this.#remove(sidecar)
      : [];
  }

  freeze(): SnapshotEntries {
    return entriesOf(this.#table.fork());
  }

  load({ sidecar }: SnapshotEntry): boolean {
    if (!sidecar) return false;
    this.#put(sidecar);
    return true;
  }

  #setExpired(lease: LeaseRef, expired: boolean): readonly StateEvent[] {
    const before = this.#table.get(lease.id);
    if (before?.registrationId !== lease.registrationId) return [];
    if (before.expired === expired) return [];
    return [
      { kind: expired ? "leaseExpired" : "leaseRevived", lease },
      this.#put({ ...before, expired }),
    ];
  }

  /** The sidecar, if that registration holds it. */
  #heldBy(
    sidecarId: string,
    registrationId: string,
  ): Readonly<Sidecar> | Refused {
    const sidecar = this.#table.get(sidecarId);
    if (!sidecar) {
      return notFound("sidecar_id", "registered sidecar", sidecarId);
    }
    if (sidecar.registrationId === registrationId) return sidecar;
    return refuse(
      Code.FailedPrecondition,
      "registration_id",
      `must be that of the present registration of sidecar "${sidecarId}"`,
      registrationId,
    );
  }

  #put(sidecar: Readonly<Sidecar>): StateEvent {
    const { sidecarId, services } = sidecar;
    const before = this.#table.get(sidecarId);
    if (before?.services !== services) {
      if (before) this.#unindex(before);
      for (const { serviceName } of services) {
        this.#byService.add(serviceName, sidecarId);
      }
    }
    this.#table.set(sidecarId, sidecar);
    const change = before ? "modified" : "added";
    return { kind: "sidecarChanged", change, sidecar, before };
  }

  #remove(sidecar: Readonly<Sidecar>): StateEvent[] {
    this.#unindex(sidecar);
    this.#table.delete(sidecar.sidecarId);
    const before = sidecar;
    return [
      { kind: "sidecarChanged", change: "removed", sidecar, before },
      { kind: "leaseEnded", lease: leaseOf(sidecar) },
    ];
  }

  #unindex({ sidecarId, services }: Readonly<Sidecar>): void {
    for (const { serviceName } of services) {
      this.#byService.remove(serviceName, sidecarId);
    }
  }
}

function* entriesOf(table: OrderedTable<Readonly<Sidecar>>): SnapshotEntries {
  for (const sidecar of table.values()) yield { sidecar };
}

/** By sidecar as it is, since every pipeline that is placed anew asks for the same ones. */
const placeables = new WeakMap<Readonly<Sidecar>, PlaceableSidecar>();

export function placeable(sidecar: Readonly<Sidecar>): PlaceableSidecar {
  let made = placeables.get(sidecar);
  if (!made) placeables.set(sidecar, made = placeableOf(sidecar));
  return made;
}

/** A sidecar as placement sees it: without what does not work, or all that is to go. */
function placeableOf(sidecar: Readonly<Sidecar>): PlaceableSidecar {
  const { sidecarId: id, endpoint, unhealthy, expired, draining } = sidecar;
  const working = expired || draining
    ? []
    : sidecar.services.filter((each) => !unhealthy.includes(each.serviceName));
  const byName = Map.groupBy(working, ({ serviceName }) => serviceName);
  return {
    id,
    hash: hashText(id),
    endpoint,
    localEndpoint: (name, stageType) =>
      byName.get(name)?.find(({ serviceType }) =>
        mayRun(serviceType, stageType)
      )?.localEndpoint,
  };
}

/** The types of sidecars know no lookups: a service of any type may be one. */
function mayRun(serviceType: ServiceType, stageType: number): boolean {
  return serviceType === ServiceType.Unspecified ||
    stageType === StageType.Lookup || serviceType === stageType;
}

function leaseOf({ sidecarId, registrationId }: Readonly<Sidecar>): LeaseRef {
  return { kind: LeaseKind.Sidecar, id: sidecarId, registrationId };
}
