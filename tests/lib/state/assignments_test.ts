import { assertEquals } from "@std/assert";
import type { StateEvent } from "../../../lib/state/types.ts";
import { LeaseKind } from "../../../proto/messages/state.ts";
import {
  configOf,
  Machine,
  orders,
  sidecarNamed,
} from "../../fixtures/machine.ts";
import { restore } from "../../fixtures/restore.ts";

const all = ["shop", "enrich", "archive"];

function withPipeline(): Machine {
  const machine = new Machine();
  machine.run({
    createPipeline: { pipelineId: "orders", config: orders, enabled: true },
  });
  return machine;
}

function add(machine: Machine, id: string, services: readonly string[]) {
  return machine.run({ registerSidecar: sidecarNamed(id, services) });
}

function held(sidecarId: string) {
  return { sidecarId, registrationId: `${sidecarId}-registration` };
}

/** "assigned a:orders" */
function moves(events: readonly StateEvent[]): string[] {
  return events.flatMap((event) =>
    event.kind === "assignmentChanged"
      ? [`${event.change} ${event.sidecarId}:${event.assignment.pipelineId}`]
      : []
  );
}

/** What a heartbeat tells, which is then told. */
function heartbeat(machine: Machine, sidecarId: string): string[] {
  const { sidecars, assignments } = machine.state;
  const { commands, ...told } = assignments.untold(sidecars.get(sidecarId)!);
  if (commands.length > 0) {
    machine.run({ tellSidecar: { ...held(sidecarId), ...told } });
  }
  return commands.map(({ assign, revoke }) =>
    assign
      ? `assign ${assign.pipelineId}`
      : revoke
      ? `revoke ${revoke.pipelineId}`
      : "drain"
  );
}

Deno.test("Assignments leave a sidecar that registers without a service, and come back with it", () => {
  const machine = withPipeline();
  add(machine, "a", ["shop", "archive"]);
  add(machine, "b", ["enrich"]);
  const places = () =>
    machine.state.assignments.of("a").flatMap(({ assignment }) =>
      assignment.stages.map(({ localEndpoint, remoteSidecar }) =>
        localEndpoint === undefined ? remoteSidecar?.sidecarId ?? "-" : "here"
      )
    );
  assertEquals(places(), ["here", "b", "here"]);
  assertEquals(moves(add(machine, "b", []).events), [
    "revoked b:orders",
    "updated a:orders",
  ]);
  assertEquals(places(), ["here", "-", "here"]);
  assertEquals(moves(add(machine, "b", ["enrich"]).events), [
    "updated a:orders",
    "assigned b:orders",
  ]);
  assertEquals(places(), ["here", "b", "here"]);
});

Deno.test("Assignments follow pipelines and sidecars as they come and go", () => {
  const machine = withPipeline();
  assertEquals(moves(add(machine, "a", all).events), ["assigned a:orders"]);
  assertEquals(moves(add(machine, "b", ["archive"]).events), []);
  assertEquals(moves(add(machine, "c", ["shop"]).events), [
    "assigned c:orders",
  ]);
  const [held] = machine.state.assignments.of("a");
  assertEquals(held?.assignment.isLocalComplete, true);
  const set = (enabled: boolean) =>
    moves(
      machine.run({ setPipelineEnabled: { pipelineId: "orders", enabled } })
        .events,
    );
  assertEquals(set(false), ["revoked a:orders", "revoked c:orders"]);
  assertEquals(machine.state.assignments.size, 0);
  assertEquals(set(true), ["assigned a:orders", "assigned c:orders"]);
  const deleted = machine.run({
    deletePipeline: { pipelineId: "orders", force: true },
  });
  assertEquals(moves(deleted.events), ["revoked a:orders", "revoked c:orders"]);
});

Deno.test("Assignments move to others when a sidecar's lease runs out, its service fails or it drains", () => {
  const leases = [{
    kind: LeaseKind.Sidecar,
    id: "b",
    registrationId: "b-registration",
  }];
  const aways = [
    [{ expireLeases: { leases } }, { reviveLeases: { leases } }],
    [
      { setSidecarHealth: { ...held("b"), unhealthy: ["enrich"] } },
      { setSidecarHealth: held("b") },
    ],
    [
      { setSidecarDraining: { ...held("b"), draining: true } },
      { setSidecarDraining: held("b") },
    ],
    [
      { deregisterSidecar: held("b") },
      { registerSidecar: sidecarNamed("b", ["enrich"]) },
    ],
  ] as const;
  for (const [away, back] of aways) {
    const machine = withPipeline();
    add(machine, "a", ["shop", "archive"]);
    assertEquals(moves(add(machine, "b", ["enrich"]).events), [
      "updated a:orders",
      "assigned b:orders",
    ]);
    assertEquals(moves(machine.run(away).events), [
      "revoked b:orders",
      "updated a:orders",
    ]);
    assertEquals(moves(machine.run(back).events), [
      "updated a:orders",
      "assigned b:orders",
    ]);
  }
});

Deno.test("Assignments leave pipelines alone that do not use a sidecar's services", () => {
  const machine = withPipeline();
  machine.run({
    createPipeline: {
      pipelineId: "other",
      config: configOf([{ id: "x", service: "other", type: 1 }]),
      enabled: true,
    },
  });
  add(machine, "a", all);
  const [{ version } = { version: 0 }] = machine.state.assignments.of("a");
  assertEquals(moves(add(machine, "b", ["other"]).events), [
    "assigned b:other",
  ]);
  assertEquals(machine.state.assignments.of("a")[0]?.version, version);
});

Deno.test("Assignments.untold() leads from what was told to what is to be run, once", () => {
  const machine = withPipeline();
  add(machine, "a", all);
  // The answer of the registration has told it.
  assertEquals(heartbeat(machine, "a"), []);
  machine.run({
    createPipeline: { pipelineId: "p2", config: orders, enabled: true },
  });
  machine.run({
    setPipelineEnabled: { pipelineId: "orders", enabled: false },
  });
  assertEquals(heartbeat(machine, "a"), ["revoke orders", "assign p2"]);
  assertEquals(heartbeat(machine, "a"), []);
  machine.run({
    updatePipeline: {
      pipelineId: "p2",
      config: configOf([
        { id: "in", service: "shop", type: 1 },
        { id: "out", service: "archive", type: 3 },
      ]),
      enabled: true,
    },
  });
  assertEquals(heartbeat(machine, "a"), ["assign p2"]);
  machine.run({ setSidecarDraining: { ...held("a"), draining: true } });
  assertEquals(heartbeat(machine, "a"), ["revoke p2", "drain"]);
  assertEquals(heartbeat(machine, "a"), []);
  machine.run({ setSidecarDraining: held("a") });
  assertEquals(heartbeat(machine, "a"), ["assign p2"]);
});

Deno.test("Assignments.untold() is the same after the state went through a snapshot", () => {
  const machine = withPipeline();
  add(machine, "a", all);
  machine.run({
    createPipeline: { pipelineId: "p2", config: orders, enabled: true },
  });
  const copy = new Machine();
  restore(copy.state, machine.state.snapshot());
  assertEquals(heartbeat(copy, "a"), ["assign p2"]);
  assertEquals(heartbeat(machine, "a"), ["assign p2"]);
});

Deno.test("Assignments count as told when a sidecar registers anew, and not before", () => {
  const machine = withPipeline();
  add(machine, "a", all);
  machine.run({
    createPipeline: { pipelineId: "p2", config: orders, enabled: true },
  });
  machine.run({
    registerSidecar: sidecarNamed("a", all, { registrationId: "newer" }),
  });
  assertEquals(Object.keys(machine.state.sidecars.get("a")!.told), [
    "orders",
    "p2",
  ]);
  assertEquals(heartbeat(machine, "a"), []);
});
