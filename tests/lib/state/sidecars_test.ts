import { assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { Sidecars } from "../../../lib/state/sidecars.ts";
import type { StateEvent } from "../../../lib/state/types.ts";
import { StageType } from "../../../proto/messages/router.ts";
import { ServiceType } from "../../../proto/messages/sidecar.ts";
import { LeaseKind, type Sidecar } from "../../../proto/messages/state.ts";
import { Machine, sidecarNamed } from "../../fixtures/machine.ts";

const held = { sidecarId: "s", registrationId: "s-registration" };
const lease = {
  kind: LeaseKind.Sidecar,
  id: "s",
  registrationId: "s-registration",
};

function withSidecar(): Machine {
  const machine = new Machine();
  machine.run({ registerSidecar: sidecarNamed("s", ["enrich", "archive"]) });
  return machine;
}

function shown(events: readonly StateEvent[]): string[] {
  return events.map((event) =>
    event.kind === "sidecarChanged" ? event.change : event.kind
  );
}

Deno.test("Sidecars.register() enters a sidecar; a later registration replaces it", () => {
  const machine = new Machine();
  const register = (registrationId: string) =>
    machine.run({ registerSidecar: sidecarNamed("s", [], { registrationId }) });
  assertEquals(shown(register("one").events), ["added", "leaseStarted"]);
  assertEquals(shown(register("two").events), ["modified", "leaseStarted"]);
  assertEquals(machine.state.sidecars.get("s")?.registrationId, "two");
  assertEquals(machine.state.sidecars.list().length, 1);
  assertEquals(machine.state.leases(), [
    {
      lease: { ...lease, registrationId: "two" },
      ttlMs: 15_000,
      expired: false,
    },
  ]);
});

Deno.test("Sidecars refuse what comes from a replaced or unknown registration", () => {
  const machine = withSidecar();
  const codes = (holder: { sidecarId: string; registrationId: string }) => [
    machine.refused({ deregisterSidecar: holder }).code,
    machine.refused({ setSidecarHealth: holder }).code,
    machine.refused({ setSidecarDraining: holder }).code,
    machine.refused({ tellSidecar: holder }).code,
  ];
  assertEquals(
    codes({ ...held, registrationId: "older" }),
    Array(4).fill(Code.FailedPrecondition),
  );
  assertEquals(
    codes({ ...held, sidecarId: "x" }),
    Array(4).fill(Code.NotFound),
  );
  assertEquals(machine.refused({ registerSidecar: {} }).field, "sidecar");
});

Deno.test("Sidecars.deregister() takes the sidecar out", () => {
  const machine = withSidecar();
  const { events } = machine.run({ deregisterSidecar: held });
  assertEquals(shown(events), ["removed", "leaseEnded"]);
  assertEquals(machine.state.sidecars.size, 0);
});

Deno.test("Sidecars.setHealth() keeps the names of own services, and tells of changes only", () => {
  const machine = withSidecar();
  const set = (unhealthy: readonly string[]) =>
    shown(
      machine.run({ setSidecarHealth: { ...held, unhealthy } }).events,
    );
  assertEquals(set(["other"]), []);
  assertEquals(set(["enrich", "archive", "enrich"]), ["modified"]);
  assertEquals(machine.state.sidecars.get("s")?.unhealthy, [
    "archive",
    "enrich",
  ]);
  assertEquals(set(["archive", "enrich"]), []);
});

Deno.test("Sidecars whose lease runs out come back when heard of, or go", () => {
  const machine = withSidecar();
  const leases = [lease, { ...lease, registrationId: "older" }];
  const run = (
    kind: "expireLeases" | "reviveLeases" | "removeExpired",
  ) => shown(machine.run({ [kind]: { leases } }).events);
  assertEquals(run("removeExpired"), []);
  const older = { expireLeases: { leases: leases.slice(1) } };
  assertEquals(machine.run(older).events, []);
  assertEquals(run("expireLeases"), ["leaseExpired", "modified"]);
  assertEquals(run("expireLeases"), []);
  assertEquals(run("reviveLeases"), ["leaseRevived", "modified"]);
  run("expireLeases");
  assertEquals(run("removeExpired"), ["removed", "leaseEnded"]);
});

Deno.test("Sidecars.tell() keeps what was told, and tells nobody", () => {
  const machine = withSidecar();
  const told = { q: 2, p: 1 };
  const { events } = machine.run({
    tellSidecar: { ...held, told, toldDraining: true },
  });
  assertEquals(events, []);
  const sidecar = machine.state.sidecars.get("s")!;
  assertEquals(Object.entries(sidecar.told), [["p", 1], ["q", 2]]);
  assertEquals(sidecar.toldDraining, true);
});

Deno.test("Sidecars.having() has those whose service works and fits the stage", () => {
  const sidecars = new Sidecars();
  const load = (sidecarId: string, more: Partial<Sidecar>) =>
    sidecars.load({
      sidecar: {
        sidecarId,
        podName: "",
        namespace: "",
        endpoint: "",
        registrationId: "r",
        leaseTtlMs: 1,
        registeredAtMs: 0,
        expired: false,
        draining: false,
        unhealthy: [],
        told: {},
        toldDraining: false,
        services: [{
          serviceName: "enrich",
          serviceType: ServiceType.Transform,
          localEndpoint: "http://localhost",
        }],
        ...more,
      },
    });
  load("b", {});
  load("a", {});
  load("expired", { expired: true });
  load("draining", { draining: true });
  load("sick", { unhealthy: ["enrich"] });
  load("other", { services: [] });
  const ids = (stageType: StageType) =>
    sidecars.having("enrich", stageType).map(({ id }) => id);
  assertEquals(ids(StageType.Transform), ["a", "b"]);
  assertEquals(ids(StageType.Lookup), ["a", "b"]);
  assertEquals(ids(StageType.Sink), []);
});
