import { assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { healthOf, type ServiceQuery } from "../../../lib/state/services.ts";
import type { StateEvent } from "../../../lib/state/types.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import { HealthStatus, ServiceType } from "../../../proto/messages/common.ts";
import {
  LeaseKind,
  type LeaseRef,
  type Service,
} from "../../../proto/messages/state.ts";
import { Machine, serviceNamed } from "../../fixtures/machine.ts";

function lease(id: string): LeaseRef {
  return { kind: LeaseKind.Service, id, registrationId: `${id}-registration` };
}

function withService(id = "s", more: MessageInit<Service> = {}): Machine {
  const machine = new Machine();
  machine.run({ registerService: { service: serviceNamed(id, more) } });
  return machine;
}

function kinds(events: readonly StateEvent[]): string[] {
  return events.map(({ kind }) => kind);
}

function ids(machine: Machine, query: ServiceQuery): string[] {
  return machine.state.services.list(query)
    .map(({ identity }) => identity.serviceId);
}

Deno.test("Services.register() enters a service; a later registration replaces it", () => {
  const machine = new Machine();
  const first = machine.run({
    registerService: { service: serviceNamed("s") },
  });
  assertEquals(kinds(first.events), ["serviceAdded", "leaseStarted"]);
  machine.atMs += 1;
  const again = serviceNamed("s", {
    registrationId: "newer",
    endpoint: { host: "10.0.0.2", port: 1 },
    identity: { name: "renamed" },
  });
  const second = machine.run({ registerService: { service: again } });
  assertEquals(kinds(second.events), ["serviceModified", "leaseStarted"]);
  const [modified, started] = second.events;
  if (modified?.kind !== "serviceModified") throw new Error("not modified");
  assertEquals(modified.before.endpoint?.host, "10.0.0.1");
  assertEquals(modified.service, machine.state.services.get("s"));
  assertEquals(modified.service.registeredAtMs, machine.atMs);
  assertEquals(started, {
    kind: "leaseStarted",
    lease: { ...lease("s"), registrationId: "newer" },
    ttlMs: 15_000,
  });
  assertEquals(ids(machine, { name: "enrich" }), []);
  assertEquals(ids(machine, { name: "renamed" }), ["s"]);
  assertEquals(machine.state.services.size, 1);
});

Deno.test("Services refuse what comes from a replaced or unknown registration", () => {
  const machine = withService();
  const refused = (serviceId: string, registrationId: string) => [
    machine.refused({ deregisterService: { serviceId, registrationId } }).code,
    machine.refused({ setServiceHealth: { serviceId, registrationId } }).code,
    machine.refused({ setServiceDraining: { serviceId, registrationId } }).code,
  ];
  const three = (code: Code) => [code, code, code];
  assertEquals(refused("s", "older"), three(Code.FailedPrecondition));
  assertEquals(refused("other", "older"), three(Code.NotFound));
});

Deno.test("Services.deregister() takes the service out as it was last", () => {
  const machine = withService();
  const service = machine.state.services.get("s")!;
  const { events } = machine.run({
    deregisterService: {
      serviceId: "s",
      registrationId: service.registrationId,
    },
  });
  assertEquals(events, [
    { kind: "serviceRemoved", service },
    { kind: "leaseEnded", lease: lease("s") },
  ]);
  assertEquals(machine.state.services.get("s"), undefined);
  assertEquals(ids(machine, { name: "enrich", includeUnhealthy: true }), []);
});

Deno.test("Services.setHealth() tells of health before and after", () => {
  const machine = withService();
  const registrationId = "s-registration";
  const { events } = machine.run({
    setServiceHealth: {
      serviceId: "s",
      registrationId,
      health: { status: HealthStatus.Unhealthy, message: "disk full" },
    },
  });
  const [event] = events;
  if (event?.kind !== "serviceHealthChanged") throw new Error("no event");
  assertEquals(healthOf(event.before), HealthStatus.Unspecified);
  assertEquals(healthOf(event.service), HealthStatus.Unhealthy);
  assertEquals(ids(machine, {}), []);
  assertEquals(ids(machine, { includeUnhealthy: true }), ["s"]);
  const message = "x".repeat(100_000);
  assertEquals(
    machine.refused({
      setServiceHealth: { serviceId: "s", registrationId, health: { message } },
    }).field,
    "health",
  );
});

Deno.test("Services.setDraining() is told once", () => {
  const machine = withService();
  const drain = () =>
    machine.run({
      setServiceDraining: {
        serviceId: "s",
        registrationId: "s-registration",
        draining: true,
      },
    }).events;
  assertEquals(kinds(drain()), ["serviceModified"]);
  assertEquals(drain(), []);
  assertEquals(machine.state.services.get("s")?.draining, true);
});

Deno.test("Services whose lease runs out are unhealthy, and as before when heard of again", () => {
  const machine = withService();
  const leases = [lease("s"), lease("unknown"), {
    ...lease("s"),
    registrationId: "older",
  }];
  assertEquals(machine.run({ removeExpired: { leases } }).events, []);
  const older = { expireLeases: { leases: leases.slice(1) } };
  assertEquals(machine.run(older).events, []);
  const expired = machine.run({ expireLeases: { leases } }).events;
  assertEquals(kinds(expired), ["leaseExpired", "serviceHealthChanged"]);
  assertEquals(machine.run({ expireLeases: { leases } }).events, []);
  assertEquals(
    healthOf(machine.state.services.get("s")!),
    HealthStatus.Unhealthy,
  );
  assertEquals(machine.state.leases(), [
    { lease: lease("s"), ttlMs: 15_000, expired: true },
  ]);
  const revived = machine.run({ reviveLeases: { leases } }).events;
  assertEquals(kinds(revived), ["leaseRevived", "serviceHealthChanged"]);
  assertEquals(machine.run({ removeExpired: { leases } }).events, []);
  machine.run({ expireLeases: { leases } });
  const removed = machine.run({ removeExpired: { leases } }).events;
  assertEquals(kinds(removed), ["serviceRemoved", "leaseEnded"]);
  assertEquals(machine.state.services.size, 0);
});

Deno.test("Services leave leases of kinds they do not know alone", () => {
  const machine = withService();
  const leases = [{ ...lease("s"), kind: 99 as LeaseKind }];
  assertEquals(machine.run({ expireLeases: { leases } }).events, []);
});

Deno.test("Services.list() selects by type, name, group and exact labels, in order", () => {
  const machine = withService("b", {
    metadata: { labels: { zone: "eu", tier: "1" } },
  });
  const add = (id: string, more: MessageInit<Service>) =>
    machine.run({ registerService: { service: serviceNamed(id, more) } });
  add("a", { identity: { serviceType: ServiceType.Sink, name: "archive" } });
  add("c", { identity: { groupId: "g" }, metadata: { labels: { zone: "e" } } });
  assertEquals(ids(machine, {}), ["a", "b", "c"]);
  assertEquals(ids(machine, { type: ServiceType.Unspecified }), [
    "a",
    "b",
    "c",
  ]);
  assertEquals(ids(machine, { type: ServiceType.Sink }), ["a"]);
  assertEquals(ids(machine, { name: "enrich" }), ["b", "c"]);
  assertEquals(ids(machine, { name: "enrich", groupId: "g" }), ["c"]);
  assertEquals(ids(machine, { groupId: "g" }), ["c"]);
  assertEquals(ids(machine, { labels: { zone: "eu" } }), ["b"]);
  assertEquals(ids(machine, { labels: { zone: "eu", tier: "2" } }), []);
  assertEquals(ids(machine, { labels: { toString: "" } }), []);
});

Deno.test("Services.register() refuses a service that breaks a rule", () => {
  const machine = new Machine();
  assertEquals(
    machine.refused({ registerService: {} }).field,
    "identity",
  );
});
