import { assertEquals } from "@std/assert";
import type { MessageInit } from "../../../proto/codec.ts";
import { ServiceType } from "../../../proto/messages/common.ts";
import type { Service } from "../../../proto/messages/state.ts";
import { StageType } from "../../../proto/messages/router.ts";
import { pulledSources } from "../../../lib/state/selection.ts";
import type { ServicesView } from "../../../lib/state/services.ts";
import type { RegisteredService } from "../../../lib/state/types.ts";
import {
  configOf,
  Machine,
  orders,
  serviceNamed,
  type StageInit,
} from "../../fixtures/machine.ts";

function add(
  machine: Machine,
  id: string,
  more: MessageInit<Service> = {},
): void {
  machine.run({ registerService: { service: serviceNamed(id, more) } });
}

function source(name: string, capabilities: readonly string[] = ["pull"]) {
  return {
    identity: { name, capabilities, serviceType: ServiceType.Source },
  };
}

function ids(services: readonly RegisteredService[]): string[] {
  return services.map(({ identity }) => identity.serviceId);
}

function withSource(stage: Partial<StageInit>): Machine {
  const machine = new Machine();
  const type = StageType.Source;
  machine.run({
    createPipeline: {
      pipelineId: "p",
      enabled: true,
      config: configOf([{ id: "in", service: "shop", type, ...stage }]),
    },
  });
  return machine;
}

Deno.test("pulledSources() asks once for what many pipelines select alike", () => {
  const machine = withSource({});
  add(machine, "a", source("shop"));
  add(machine, "b", source("other"));
  const type = StageType.Source;
  for (let n = 0; n < 20; n++) {
    const service = n < 10 ? "shop" : "other";
    machine.run({
      createPipeline: {
        pipelineId: `p${n}`,
        enabled: true,
        config: configOf([{ id: "in", service, type }]),
      },
    });
  }
  const { services, groups, pipelines, checkpoints } = machine.state;
  let asked = 0;
  const counted: ServicesView = {
    size: services.size,
    get: (id) => services.get(id),
    list: (query) => {
      asked++;
      return services.list(query);
    },
  };
  const parts = { services: counted, groups, pipelines, checkpoints };
  assertEquals(ids(pulledSources(parts)), ["a", "b"]);
  assertEquals(asked, 2);
});

Deno.test("State.select() has members of the group by word and by joining, in order", () => {
  const machine = new Machine();
  add(machine, "b", { identity: { groupId: "g" } });
  add(machine, "a");
  add(machine, "c", { identity: { name: "other" } });
  add(machine, "d");
  for (const serviceId of ["c", "a", "b"]) {
    machine.run({ joinGroup: { serviceId, groupId: "g" } });
  }
  assertEquals(ids(machine.state.select({ groupId: "g" })), ["a", "b", "c"]);
  assertEquals(ids(machine.state.select({ groupId: "g", name: "enrich" })), [
    "a",
    "b",
  ]);
  assertEquals(ids(machine.state.select({})), ["a", "b", "c", "d"]);
});

Deno.test("State.pulledSources() has those that can be pulled from and an enabled pipeline selects", () => {
  const machine = withSource({});
  add(machine, "s2", source("shop"));
  add(machine, "s1", source("shop"));
  add(machine, "pushes", source("shop", []));
  add(machine, "other", source("other"));
  add(machine, "no-source", {
    identity: { name: "shop", capabilities: ["pull"] },
  });
  const pulled = () => ids(machine.state.pulledSources());
  assertEquals(pulled(), ["s1", "s2"]);
  machine.run({
    setServiceDraining: {
      serviceId: "s1",
      registrationId: "s1-registration",
      draining: true,
    },
  });
  assertEquals(pulled(), ["s2"]);
  machine.run({ setPipelineEnabled: { pipelineId: "p", enabled: false } });
  assertEquals(pulled(), []);
});

Deno.test("State.pulledSources() goes by id, group and labels too", () => {
  const pulled = (stage: Partial<StageInit>) => {
    const machine = withSource(stage);
    add(machine, "s1", source("shop"));
    add(machine, "s2", {
      ...source("shop"),
      metadata: { labels: { zone: "eu" } },
    });
    machine.run({ joinGroup: { serviceId: "s1", groupId: "g" } });
    return ids(machine.state.pulledSources());
  };
  assertEquals(pulled({ service: "s1" }), ["s1"]);
  assertEquals(pulled({ groupId: "g" }), ["s1"]);
  assertEquals(pulled({ labels: { zone: "eu" } }), ["s2"]);
  assertEquals(pulled({ service: "", labels: { zone: "eu" } }), ["s2"]);
  assertEquals(pulled({ service: "" }), []);
});

Deno.test("State.sourceIdsOf() and checkpointsOf() have what a pipeline's stages select", () => {
  const machine = new Machine();
  machine.run({ createPipeline: { pipelineId: "p", config: orders } });
  add(machine, "shop-1", source("shop"));
  add(machine, "enrich-1");
  const save = (serviceId: string) =>
    machine.run({ saveCheckpoint: { serviceId, checkpointId: "c" } });
  for (const id of ["enrich-1", "archive", "other"]) save(id);
  const pipeline = machine.state.pipelines.get("p")!;
  assertEquals(machine.state.sourceIdsOf(pipeline), ["shop", "shop-1"]);
  assertEquals(
    machine.state.checkpointsOf(pipeline).map(({ serviceId }) => serviceId),
    ["archive", "enrich-1"],
  );
});
