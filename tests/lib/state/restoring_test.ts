import { assert, assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { State } from "../../../lib/state/state.ts";
import { restoreIdleMs } from "../../../lib/limits.ts";
import { LeaseKind } from "../../../proto/messages/state.ts";
import { bytesOf, Machine, serviceNamed } from "../../fixtures/machine.ts";
import { restore } from "../../fixtures/restore.ts";

const restoreId = "r";

/** A snapshot of a state that many commands made, in parts. */
function backup(): { readonly state: State; readonly parts: Uint8Array[] } {
  const machine = new Machine();
  for (let at = 0; at < 100; at++) {
    machine.run({ registerService: { service: serviceNamed(`s${at % 10}`) } });
  }
  machine.run({ joinGroup: { serviceId: "s1", groupId: "g" } });
  const bytes = bytesOf(machine.state.snapshot());
  const parts: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += 100) {
    parts.push(bytes.slice(at, at + 100));
  }
  return { state: machine.state, parts };
}

function begun(parts: readonly Uint8Array[]): Machine {
  const machine = new Machine();
  machine.run({ registerService: { service: serviceNamed("own") } });
  machine.run({ beginRestore: { restoreId } });
  parts.forEach((data, part) =>
    machine.run({ restorePart: { restoreId, part, data } })
  );
  return machine;
}

Deno.test("Restoring changes nothing until it is finished, and then all in one step", () => {
  const { state, parts } = backup();
  const machine = begun(parts);
  assertEquals(machine.state.services.list().length, 1);
  const { replaced } = machine.run({
    finishRestore: { restoreId, parts: parts.length },
  });
  assertEquals(replaced, true);
  assertEquals(bytesOf(machine.state.snapshot()), bytesOf(state.snapshot()));
});

Deno.test("generations go on rising in a state that was brought back where the log is shorter", () => {
  const { state, parts } = backup();
  const before = state.groups.get("g")!.generation;
  const machine = begun(parts);
  machine.run({ finishRestore: { restoreId, parts: parts.length } });
  machine.run({ joinGroup: { serviceId: "s2", groupId: "g" } });
  assertEquals(machine.state.groups.get("g")?.generation, before + 1);
});

Deno.test("generations go on rising when an earlier state is brought back where it was made", () => {
  const machine = new Machine();
  machine.run({ registerService: { service: serviceNamed("a") } });
  machine.run({ joinGroup: { serviceId: "a", groupId: "g" } });
  const data = bytesOf(machine.state.snapshot());
  for (const serviceId of ["b", "c", "d"]) {
    machine.run({ registerService: { service: serviceNamed(serviceId) } });
    machine.run({ joinGroup: { serviceId, groupId: "g" } });
  }
  const last = machine.state.groups.get("g")!.generation;
  machine.run({ beginRestore: { restoreId } });
  machine.run({ restorePart: { restoreId, part: 0, data } });
  machine.run({ finishRestore: { restoreId, parts: 1 } });
  assertEquals(machine.state.services.list().length, 1);
  machine.run({ leaveGroup: { serviceId: "a", groupId: "g" } });
  const { answer } = machine.run({
    joinGroup: { serviceId: "a", groupId: "g" },
  });
  const { generation } = answer.group!;
  assert(generation > last, `generation ${generation} comes after ${last}`);
});

Deno.test("Restoring goes on in a state that was itself restored on the way", () => {
  const { state, parts } = backup();
  for (let cut = 0; cut <= parts.length; cut++) {
    const machine = begun(parts.slice(0, cut));
    restore(machine.state, machine.state.snapshot());
    parts.slice(cut).forEach((data, at) =>
      machine.run({ restorePart: { restoreId, part: cut + at, data } })
    );
    machine.run({ finishRestore: { restoreId, parts: parts.length } });
    assertEquals(bytesOf(machine.state.snapshot()), bytesOf(state.snapshot()));
  }
});

Deno.test("Restoring refuses what is out of order, of another restoration, or damaged", () => {
  const { parts } = backup();
  const machine = begun(parts.slice(0, 2));
  const refused = (part: number, data = parts[2]!, id = restoreId) =>
    machine.refused({ restorePart: { restoreId: id, part, data } });
  assertEquals(refused(1).field, "part");
  assertEquals(refused(3).field, "part");
  assertEquals(refused(2, parts[2]!, "other").field, "restore_id");
  assertEquals(refused(2, new Uint8Array(5_000)).code, Code.DataLoss);
  const finish = (parts: number) =>
    machine.refused({ finishRestore: { restoreId, parts } });
  assertEquals(finish(3).field, "parts");
  assertEquals(finish(2).code, Code.DataLoss);
  assertEquals(machine.refused({ beginRestore: {} }).field, "restore_id");
  // The part that was damaged may come again.
  machine.run({ restorePart: { restoreId, part: 2, data: parts[2]! } });
});

Deno.test("Restoring is given up for another one, and by cancelling it", () => {
  const { parts } = backup();
  const machine = begun(parts);
  machine.run({ cancelRestore: { restoreId: "other" } });
  machine.run({ beginRestore: { restoreId: "second" } });
  const late = { restorePart: { restoreId, part: 0, data: parts[0]! } };
  assertEquals(machine.refused(late).field, "restore_id");
  machine.run({ cancelRestore: { restoreId: "second" } });
  const state = new State();
  restore(state, machine.state.snapshot());
  assertEquals(
    machine.refused({
      restorePart: { restoreId: "second", part: 0, data: parts[0]! },
    }).field,
    "restore_id",
  );
});

Deno.test("Restoring has a lease that each part renews, and goes with it", () => {
  const { parts } = backup();
  const machine = begun(parts.slice(0, 1));
  const lease = { kind: LeaseKind.Restore, id: "", registrationId: restoreId };
  const held = { lease, ttlMs: restoreIdleMs, expired: false };
  const isRestore = (each: { readonly lease: typeof lease }) =>
    each.lease.kind === LeaseKind.Restore;
  assertEquals(machine.state.leases().filter(isRestore), [held]);
  const copy = new State();
  restore(copy, machine.state.snapshot());
  assertEquals(copy.leases().filter(isRestore), [held]);
  const part = { restorePart: { restoreId, part: 1, data: parts[1]! } };
  const renewed = {
    kind: "leaseStarted" as const,
    lease,
    ttlMs: restoreIdleMs,
  };
  assertEquals(machine.run(part).events, [renewed]);
  const expire = (registrationId: string) =>
    machine.run({
      expireLeases: { leases: [{ ...lease, registrationId }] },
    }).events;
  assertEquals(expire("before"), []);
  assertEquals(machine.state.leases().filter(isRestore), [held]);
  assertEquals(expire(restoreId), [{ kind: "leaseEnded", lease }]);
  assertEquals(machine.state.leases().filter(isRestore), []);
  const { rule } = machine.refused({
    restorePart: { restoreId, part: 2, data: parts[2]! },
  });
  assertEquals(
    rule,
    "must be that of a restoration under way: it was given up",
  );
  assertEquals(expire(""), []);
});
