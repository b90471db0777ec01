/**
 * Goal: of everything that the state keeps there may be so much and no more, and what is there already
 * may be replaced when it is full.
 * Method: a part that says how large it is, since a million services take their time.
 */
import { assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import {
  groupMembersMax,
  groupsMax,
  pipelinesMax,
  routerNodesMax,
  servicesMax,
  sidecarsMax,
  watermarksMax,
} from "../../../lib/limits.ts";
import { applyCommand } from "../../../lib/state/apply.ts";
import { encodeCommand } from "../../../lib/state/command.ts";
import { Tables } from "../../../lib/state/tables.ts";
import type { MessageInit } from "../../../proto/codec.ts";
import type { Command } from "../../../proto/messages/state.ts";
import {
  configOf,
  nodeNamed,
  serviceNamed,
  sidecarNamed,
} from "../../fixtures/machine.ts";

/** What becomes of a command: undefined when it is carried out, else the code. */
function refusal(tables: Tables, command: MessageInit<Command>) {
  const at = { index: 1, atMs: 0 };
  const outcome = applyCommand(tables, encodeCommand(command), at);
  return outcome.kind === "refused" ? outcome.refusal.code : undefined;
}

type Sized = {
  [K in keyof Tables]: Tables[K] extends { readonly size: number } ? K : never;
}[keyof Tables];

/** From below the bound to over it: `one` enters, then `other` does not, and what is there may change. */
function fill(
  part: Sized,
  max: number,
  one: MessageInit<Command>,
  other: MessageInit<Command>,
  change: MessageInit<Command> = one,
): void {
  const tables = new Tables();
  // Groups are made of services.
  for (const id of ["one", "other"]) {
    refusal(tables, { registerService: { service: serviceNamed(id) } });
  }
  let size = max - 1;
  Object.defineProperty(tables[part], "size", { get: () => size });
  assertEquals(refusal(tables, one), undefined, `${part} below the bound`);
  size = max;
  assertEquals(refusal(tables, other), Code.ResourceExhausted, part);
  assertEquals(refusal(tables, change), undefined, `${part} that are there`);
}

Deno.test("services, pipelines, groups, sidecars and watermarks are refused where there is no room for one more", () => {
  const service = (id: string) => ({
    registerService: { service: serviceNamed(id) },
  });
  fill("services", servicesMax, service("a"), service("b"));
  const config = configOf([{ id: "in", service: "orders" }]);
  const pipeline = (pipelineId: string) => ({
    createPipeline: { pipelineId, config },
  });
  fill("pipelines", pipelinesMax, pipeline("a"), pipeline("b"), {
    updatePipeline: { pipelineId: "a", config },
  });
  const group = (groupId: string) => ({
    joinGroup: { serviceId: "one", groupId },
  });
  fill("groups", groupsMax, group("a"), group("b"));
  const sidecar = (id: string) => ({ registerSidecar: sidecarNamed(id, []) });
  fill("sidecars", sidecarsMax, sidecar("a"), sidecar("b"));
  const timestamp = { seconds: 1n, nanos: 0 };
  const watermark = (sourceId: string) => ({
    raiseWatermarks: { watermarks: [{ sourceId, timestamp }] },
  });
  fill("watermarks", watermarksMax, watermark("a"), watermark("b"));
});

Deno.test("a group that is full takes back its members, and nobody else", () => {
  const tables = new Tables();
  const ids = Array.from({ length: groupMembersMax }, (_, at) => `m${at}`);
  for (const id of [...ids, "one"]) {
    refusal(tables, { registerService: { service: serviceNamed(id) } });
  }
  const members = ids.sort().map((serviceId) => ({
    serviceId,
    preferences: [],
    assigned: [],
  }));
  tables.groups.load({
    group: {
      groupId: "g",
      stageId: "",
      partitions: 16,
      generation: 1,
      members,
    },
  });
  const join = (serviceId: string, preferences: readonly number[] = []) =>
    refusal(tables, { joinGroup: { serviceId, groupId: "g", preferences } });
  assertEquals(join("one"), Code.ResourceExhausted);
  assertEquals(join("m1", [3]), undefined);
});

Deno.test("nodes are refused where there is no room for one more, but for those that are there", () => {
  const tables = new Tables();
  const register = (id: number) =>
    refusal(tables, { registerNode: nodeNamed(id) });
  for (let id = 1; id <= routerNodesMax; id++) {
    assertEquals(register(id), undefined);
  }
  assertEquals(register(routerNodesMax + 1), Code.ResourceExhausted);
  assertEquals(register(1), undefined);
});
