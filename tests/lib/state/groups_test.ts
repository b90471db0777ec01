import { assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { groupPartitionsMax } from "../../../lib/limits.ts";
import { LeaseKind } from "../../../proto/messages/state.ts";
import { configOf, Machine, serviceNamed } from "../../fixtures/machine.ts";

function withServices(...ids: readonly string[]): Machine {
  const machine = new Machine();
  for (const id of ids) {
    machine.run({ registerService: { service: serviceNamed(id) } });
  }
  return machine;
}

function join(
  machine: Machine,
  serviceId: string,
  preferences: readonly number[] = [],
) {
  const stageId = "mid";
  return machine.run({
    joinGroup: { serviceId, groupId: "g", stageId, preferences },
  });
}

/** "a:0,1 b:2" */
function shares(machine: Machine): string {
  return machine.state.groups.get("g")?.members
    .map(({ serviceId, assigned }) => `${serviceId}:${assigned}`).join(" ") ??
    "none";
}

/** "revoked a 2 assigned b 2" */
function moves({ events }: ReturnType<Machine["run"]>): string {
  return events.flatMap((event) =>
    event.kind === "partitionsRevoked" || event.kind === "partitionsAssigned"
      ? [
        event.kind.slice("partitions".length).toLowerCase(),
        event.service.identity.serviceId,
        event.partitions,
      ]
      : []
  ).join(" ");
}

function withStage(parallelism: number): Machine {
  const machine = withServices("a", "b", "c");
  machine.run({
    createPipeline: {
      pipelineId: "p",
      config: configOf([{ id: "mid", service: "enrich", parallelism }]),
    },
  });
  return machine;
}

Deno.test("Groups.join() shares the partitions of the stage out, and answers the share", () => {
  const machine = withStage(4);
  const first = join(machine, "a");
  assertEquals(first.answer.group, {
    generation: machine.index,
    partitions: [0, 1, 2, 3],
  });
  assertEquals(moves(first), "assigned a 0,1,2,3");
  const second = join(machine, "b", [0]);
  assertEquals(second.answer.group, {
    generation: machine.index,
    partitions: [0, 3],
  });
  assertEquals(moves(second), "revoked a 0,3 assigned b 0,3");
  assertEquals(machine.state.groups.groupsOf("b"), ["g"]);
  assertEquals(machine.state.groups.list().length, 1);
});

Deno.test("Groups.join() of a member as it is changes nothing", () => {
  const machine = withStage(4);
  const first = join(machine, "a", [1]).answer;
  const again = join(machine, "a", [1]);
  assertEquals(again.answer, first);
  assertEquals(again.events, []);
  // Without a stage the group keeps the one that it has.
  const { answer } = machine.run({
    joinGroup: { serviceId: "b", groupId: "g" },
  });
  assertEquals(answer.group?.partitions.length, 2);
  assertEquals(machine.state.groups.get("g")?.stageId, "mid");
});

Deno.test("Groups.join() takes 16 partitions where the stage does not say", () => {
  for (const machine of [withServices("a"), withStage(0)]) {
    assertEquals(join(machine, "a").answer.group?.partitions.length, 16);
  }
});

Deno.test("Groups.join() refuses who is not registered, and what is too much", () => {
  const machine = withServices("a");
  const refused = (more: object) =>
    machine.refused({
      joinGroup: { serviceId: "a", groupId: "g", stageId: "mid", ...more },
    });
  assertEquals(refused({ serviceId: "x" }).code, Code.NotFound);
  assertEquals(refused({ groupId: "" }).field, "group_id");
  assertEquals(refused({ stageId: "x".repeat(513) }).field, "stage_id");
  const preferences = Array(groupPartitionsMax + 1).fill(0);
  assertEquals(refused({ preferences }).field, "partition_preferences");
});

Deno.test("Groups.leave() gives the partitions to the others; the last one takes the group along", () => {
  const machine = withStage(4);
  join(machine, "a");
  join(machine, "b");
  const leave = (serviceId: string) =>
    machine.run({ leaveGroup: { serviceId, groupId: "g" } });
  assertEquals(shares(machine), "a:0,1 b:2,3");
  assertEquals(moves(leave("a")), "revoked a 0,1 assigned b 0,1");
  const { generation } = machine.state.groups.get("g")!;
  assertEquals(moves(leave("b")), "revoked b 0,1,2,3");
  assertEquals(machine.state.groups.size, 0);
  assertEquals(
    machine.refused({ leaveGroup: { serviceId: "b", groupId: "g" } }).field,
    "group_id",
  );
  join(machine, "a");
  assertEquals(machine.state.groups.get("g")!.generation > generation, true);
  assertEquals(
    machine.refused({ leaveGroup: { serviceId: "b", groupId: "g" } }).field,
    "service_id",
  );
});

Deno.test("Groups give the partitions of a member whose lease ran out to others, and its share back", () => {
  const machine = withStage(4);
  for (const id of ["a", "b", "c"]) join(machine, id);
  assertEquals(shares(machine), "a:0,1 b:2 c:3");
  const lease = (id: string) => ({
    kind: LeaseKind.Service,
    id,
    registrationId: `${id}-registration`,
  });
  const leases = [lease("a"), lease("b")];
  const expired = machine.run({ expireLeases: { leases } });
  // One generation, however many members one command touches.
  assertEquals(moves(expired), "revoked a 0,1 revoked b 2 assigned c 0,1,2");
  assertEquals(shares(machine), "a: b: c:0,1,2,3");
  assertEquals(machine.state.groups.get("g")?.generation, machine.index);
  machine.run({ reviveLeases: { leases: [lease("a")] } });
  assertEquals(shares(machine), "a:2,3 b: c:0,1");
  const removed = machine.run({ removeExpired: { leases: [lease("b")] } });
  assertEquals(moves(removed), "");
  assertEquals(shares(machine), "a:2,3 c:0,1");
  machine.run({
    deregisterService: { serviceId: "a", registrationId: "a-registration" },
  });
  assertEquals(shares(machine), "c:0,1,2,3");
  assertEquals(machine.state.groups.groupsOf("a"), []);
});

Deno.test("Groups tell of members that come and go, also when they have no partition", () => {
  const machine = withStage(1);
  const changes = ({ events }: ReturnType<Machine["run"]>): number =>
    events.filter(({ kind }) => kind === "groupMembersChanged").length;
  const leave = (serviceId: string) =>
    machine.run({ leaveGroup: { serviceId, groupId: "g" } });
  assertEquals(changes(join(machine, "a")), 1);
  const idle = join(machine, "b");
  assertEquals([moves(idle), changes(idle)], ["", 1]);
  assertEquals(changes(join(machine, "b", [1])), 0);
  assertEquals([changes(leave("b")), changes(leave("a"))], [1, 1]);
});

Deno.test("Groups keep members of a service that registers again, in a new generation", () => {
  const machine = withStage(4);
  join(machine, "a");
  const service = serviceNamed("a", { registrationId: "newer" });
  assertEquals(moves(machine.run({ registerService: { service } })), "");
  assertEquals(shares(machine), "a:0,1,2,3");
  const { generation } = machine.state.groups.get("g")!;
  assertEquals(generation, machine.index);
  const draining = { serviceId: "a", registrationId: "newer", draining: true };
  machine.run({ setServiceDraining: draining });
  assertEquals(machine.state.groups.get("g")!.generation, generation);
});

Deno.test("Groups follow the parallelism of their stage", () => {
  const machine = withStage(4);
  join(machine, "a");
  join(machine, "b");
  const update = (parallelism: number, groupId = "") =>
    machine.run({
      updatePipeline: {
        pipelineId: "p",
        config: configOf([
          { id: "mid", service: "enrich", parallelism, groupId },
        ]),
      },
    });
  assertEquals(moves(update(4)), "");
  assertEquals(moves(update(2)), "revoked a 1 revoked b 2,3 assigned b 1");
  assertEquals(shares(machine), "a:0 b:1");
  // Of several stages of that id, the one that selects the group counts.
  machine.run({
    createPipeline: {
      pipelineId: "q",
      config: configOf([
        { id: "mid", service: "enrich", parallelism: 3, groupId: "g" },
      ]),
    },
  });
  assertEquals(shares(machine), "a:0,2 b:1");
  machine.run({ deletePipeline: { pipelineId: "q" } });
  assertEquals(shares(machine), "a:0 b:1");
  machine.run({ deletePipeline: { pipelineId: "p" } });
  assertEquals(machine.state.groups.get("g")?.partitions, 16);
});
