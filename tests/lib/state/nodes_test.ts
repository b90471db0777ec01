import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import type { StateEvent } from "../../../lib/state/types.ts";
import { LeaseKind } from "../../../proto/messages/state.ts";
import { Machine, nodeNamed } from "../../fixtures/machine.ts";
import { restore } from "../../fixtures/restore.ts";

function withNodes(...ids: readonly number[]): Machine {
  const machine = new Machine();
  for (const id of ids) machine.run({ registerNode: nodeNamed(id) });
  return machine;
}

function kinds(events: readonly StateEvent[]): string[] {
  return events.map(({ kind }) => kind);
}

function owners(machine: Machine): number[] {
  return Array.from(
    { length: 300 },
    (_, partition) => machine.state.nodes.pullOwner("s", partition)!.nodeId,
  );
}

Deno.test("Nodes.register() enters nodes in order of their number, each with a lease", () => {
  const machine = withNodes(10, 2);
  const { events } = machine.run({ registerNode: nodeNamed(1) });
  assertEquals(events, [
    { kind: "pullOwnersChanged", generation: machine.index },
    {
      kind: "leaseStarted",
      lease: {
        kind: LeaseKind.Node,
        id: "1",
        registrationId: "registration",
      },
      ttlMs: 3_000,
    },
  ]);
  const { nodes } = machine.state;
  assertEquals(nodes.list().map(({ nodeId }) => nodeId), [1, 2, 10]);
  assertEquals(nodes.generation, machine.index);
  machine.run({ registerNode: nodeNamed(2, "restarted") });
  assertEquals(nodes.list().length, 3);
  assertEquals(nodes.generation, machine.index);
});

Deno.test("Nodes.pullOwner() spreads partitions over live nodes and moves only those of one that goes", () => {
  const machine = withNodes(1, 2, 3);
  const before = owners(machine);
  for (const id of [1, 2, 3]) {
    const count = before.filter((each) => each === id).length;
    assert(count > 70 && count < 130, `${count} of 300`);
  }
  const lease = {
    kind: LeaseKind.Node,
    id: "2",
    registrationId: "registration",
  };
  const leases = [lease, { ...lease, registrationId: "older" }];
  assertEquals(machine.run({ removeExpired: { leases } }).events, []);
  const older = { expireLeases: { leases: leases.slice(1) } };
  assertEquals(machine.run(older).events, []);
  const expired = machine.run({ expireLeases: { leases } });
  assertEquals(kinds(expired.events), ["leaseExpired", "pullOwnersChanged"]);
  owners(machine).forEach((owner, i) => {
    if (before[i] === 2) assert(owner !== 2);
    else assertEquals(owner, before[i]);
  });
  assertEquals(machine.run({ expireLeases: { leases } }).events, []);
  const revived = machine.run({ reviveLeases: { leases } });
  assertEquals(kinds(revived.events), ["leaseRevived", "pullOwnersChanged"]);
  assertEquals(owners(machine), before);
  machine.run({ expireLeases: { leases } });
  const removed = machine.run({ removeExpired: { leases } });
  assertEquals(kinds(removed.events), ["pullOwnersChanged", "leaseEnded"]);
});

Deno.test("Nodes.pullOwner() is the same after the state went through a snapshot", () => {
  const machine = withNodes(1, 2, 3);
  const copy = new Machine();
  restore(copy.state, machine.state.snapshot());
  assertEquals(owners(copy), owners(machine));
  assertEquals(copy.state.nodes.generation, machine.state.nodes.generation);
});

Deno.test("Nodes.deregister() wants the present registration", () => {
  const machine = withNodes(1);
  const registrationId = "older";
  assertEquals(
    machine.refused({ deregisterNode: { nodeId: 1, registrationId } }).code,
    Code.FailedPrecondition,
  );
  assertEquals(
    machine.refused({ deregisterNode: { nodeId: 2, registrationId } }).code,
    Code.NotFound,
  );
  machine.run({
    deregisterNode: { nodeId: 1, registrationId: "registration" },
  });
  assertEquals(machine.state.nodes.pullOwner("s", 0), undefined);
  assertEquals(machine.state.leases(), []);
});

Deno.test("Nodes.register() names the field that breaks a rule", () => {
  const machine = new Machine();
  const field = (more: object) => {
    const { node } = nodeNamed(1);
    return machine.refused({ registerNode: { node: { ...node, ...more } } })
      .field;
  };
  for (const nodeId of [0, -1, 1.5, NaN]) {
    assertEquals(field({ nodeId }), "node_id");
  }
  assertEquals(field({ registrationId: "" }), "registration_id");
  assertEquals(field({ address: "" }), "address");
  assertEquals(field({ leaseTtlMs: 0 }), "lease_ttl_ms");
  assertEquals(machine.refused({ registerNode: {} }).field, "node_id");
});
