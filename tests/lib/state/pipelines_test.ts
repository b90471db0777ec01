import { assertEquals } from "@std/assert";
import { Code } from "../../../lib/errors.ts";
import { pipelineBytesMax } from "../../../lib/limits.ts";
import { configOf, Machine } from "../../fixtures/machine.ts";

const config = new Uint8Array([1, 2, 3]);

function created(enabled: boolean): Machine {
  const machine = new Machine();
  machine.run({ createPipeline: { pipelineId: "p", config, enabled } });
  return machine;
}

Deno.test("Pipelines.create() keeps the configuration as version 1 and tells of it", () => {
  const machine = new Machine();
  const { answer, events } = machine.run({
    createPipeline: { pipelineId: "p", config, enabled: true },
  });
  const pipeline = {
    pipelineId: "p",
    config,
    enabled: true,
    version: 1,
    createdAtMs: machine.atMs,
    updatedAtMs: machine.atMs,
  };
  assertEquals(answer.pipeline, { version: 1 });
  assertEquals(machine.state.pipelines.get("p"), pipeline);
  assertEquals(events, [
    { kind: "pipelineChanged", change: "created", pipeline, before: undefined },
  ]);
});

Deno.test("Pipelines.create() refuses an id in use, bad ids and sizes", () => {
  const machine = created(true);
  const create = (pipelineId: string, config: Uint8Array) =>
    machine.refused({ createPipeline: { pipelineId, config } });
  assertEquals(create("p", config).code, Code.AlreadyExists);
  assertEquals(create("", config).field, "pipeline_id");
  assertEquals(create("q", new Uint8Array(0)).field, "config");
  assertEquals(create("q", new Uint8Array(pipelineBytesMax + 1)), {
    code: Code.InvalidArgument,
    field: "config",
    rule: "must have 1 to 1048576 bytes",
    found: "1048577 bytes",
  });
});

Deno.test("Pipelines.update() raises the version, and refuses one that is not expected", () => {
  const machine = created(true);
  machine.atMs += 5;
  const before = machine.state.pipelines.get("p")!;
  const update = { pipelineId: "p", config: new Uint8Array([9]) };
  const { answer, events } = machine.run({
    updatePipeline: { ...update, enabled: false, expectedVersion: 1 },
  });
  assertEquals(answer.pipeline, { version: 2 });
  const pipeline = machine.state.pipelines.get("p")!;
  assertEquals(pipeline.updatedAtMs - pipeline.createdAtMs, 5);
  assertEquals(pipeline.enabled, false);
  assertEquals(events, [
    { kind: "pipelineChanged", change: "updated", pipeline, before },
  ]);
  const stale = { ...update, expectedVersion: 1 };
  assertEquals(
    machine.refused({ updatePipeline: stale }).code,
    Code.Aborted,
  );
  assertEquals(
    machine.refused({ updatePipeline: { ...update, pipelineId: "q" } }).code,
    Code.NotFound,
  );
  assertEquals(
    machine.refused({ updatePipeline: { pipelineId: "p" } }).field,
    "config",
  );
});

Deno.test("Pipelines.setEnabled() changes nothing when it is so already", () => {
  const machine = created(false);
  const set = (enabled: boolean) =>
    machine.run({ setPipelineEnabled: { pipelineId: "p", enabled } }).events
      .map((event) => event.kind === "pipelineChanged" && event.change);
  assertEquals(set(false), []);
  assertEquals(set(true), ["enabled"]);
  assertEquals(set(true), []);
  assertEquals(set(false), ["disabled"]);
  assertEquals(machine.state.pipelines.get("p")?.version, 1);
  assertEquals(
    machine.refused({ setPipelineEnabled: { pipelineId: "q" } }).code,
    Code.NotFound,
  );
});

Deno.test("Pipelines.delete() wants force for an enabled pipeline", () => {
  const machine = created(true);
  assertEquals(
    machine.refused({ deletePipeline: { pipelineId: "p" } }).code,
    Code.FailedPrecondition,
  );
  const { events } = machine.run({
    deletePipeline: { pipelineId: "p", force: true },
  });
  assertEquals(events.length, 1);
  assertEquals(machine.state.pipelines.size, 0);
  assertEquals(
    machine.refused({ deletePipeline: { pipelineId: "p" } }).code,
    Code.NotFound,
  );
});

Deno.test("Pipelines.list() is in order of the ids", () => {
  const machine = created(true);
  for (const pipelineId of ["z", "a"]) {
    machine.run({ createPipeline: { pipelineId, config } });
  }
  assertEquals(
    machine.state.pipelines.list().map(({ pipelineId }) => pipelineId),
    ["a", "p", "z"],
  );
});

Deno.test("Pipelines.using() and stagesNamed() follow updates and the switch", () => {
  const machine = new Machine();
  const ids = (service: string) =>
    machine.state.pipelines.using(service).map(({ pipelineId }) => pipelineId);
  const lanes = (stageId: string) =>
    machine.state.pipelines.stagesNamed(stageId).map((each) =>
      each.parallelism
    );
  machine.run({
    createPipeline: {
      pipelineId: "p",
      config: configOf([{ id: "mid", service: "enrich", parallelism: 3 }]),
      enabled: true,
    },
  });
  machine.run({
    createPipeline: {
      pipelineId: "o",
      config: configOf([{ id: "mid", service: "enrich", parallelism: 5 }]),
    },
  });
  assertEquals(ids("enrich"), ["p"]);
  assertEquals(lanes("mid"), [5, 3]);
  machine.run({ setPipelineEnabled: { pipelineId: "o", enabled: true } });
  assertEquals(ids("enrich"), ["o", "p"]);
  machine.run({
    updatePipeline: {
      pipelineId: "p",
      config: configOf([{ id: "end", service: "archive" }]),
      enabled: true,
    },
  });
  assertEquals([ids("enrich"), ids("archive")], [["o"], ["p"]]);
  assertEquals(lanes("mid"), [5]);
  machine.run({ deletePipeline: { pipelineId: "o", force: true } });
  assertEquals([ids("enrich"), lanes("mid")], [[], []]);
});
