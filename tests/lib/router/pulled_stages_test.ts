import { assert, assertEquals } from "@std/assert";
import { systemClock } from "../../../lib/clock.ts";
import { PulledStages } from "../../../lib/router/pulled_stages.ts";
import { StageOutlet } from "../../../lib/router/stage_outlet.ts";
import type { CompiledPipeline } from "../../../lib/routing/types.ts";
import { systemScheduler } from "../../../lib/scheduler.ts";
import { edge, stage, validPipeline } from "../../fixtures/pipelines.ts";
import { orders } from "../../fixtures/flow_world.ts";
import { writeRequestMessage } from "../../fixtures/record_messages.ts";

/** A pipeline with a sink "out" that is pulled from. */
function pulledFrom(id: string): CompiledPipeline {
  const out = stage("out", "sink");
  const labels = { "conveyor/delivery": "pull" };
  const pipeline = validPipeline({
    stages: [
      stage("in", "source"),
      { ...out, serviceSelector: { ...out.serviceSelector!, labels } },
    ],
    edges: [edge("in", "out")],
  });
  return { ...pipeline, id };
}

function newStages(): PulledStages {
  return new PulledStages(1, systemClock, systemScheduler);
}

Deno.test("PulledStages serve a stage of a removed pipeline until what it has is settled", async () => {
  const stages = newStages();
  stages.set(pulledFrom("a"));
  assert(stages.has("a/out"));
  const stopping = new AbortController();
  const request = writeRequestMessage.encode({
    sinkId: "out",
    batch: { records: orders(1, 3) },
  });
  const limits = { records: 3, timeoutMs: undefined, signal: stopping.signal };
  const call = stages.of("a", "out").call(request, limits);
  stages.remove("a");
  stages.set(pulledFrom("b"));
  assert(stages.has("a/out"));
  stopping.abort();
  await call.catch(() => {});
  assertEquals(stages.has("a/out"), false);
  stages.remove("b");
  assertEquals(stages.has("b/out"), false);
});

Deno.test("PulledStages serve what comes late of a removed pipeline, and nothing after it", async () => {
  const stages = newStages();
  stages.set(pulledFrom("a"));
  // Its records are at an earlier stage still: there is nothing to be pulled.
  stages.remove("a");
  assertEquals(stages.has("a/out"), false);
  const stopping = new AbortController();
  const request = writeRequestMessage.encode({
    sinkId: "out",
    batch: { records: orders(1, 3) },
  });
  const limits = { records: 3, timeoutMs: undefined, signal: stopping.signal };
  const call = stages.of("a", "out").call(request, limits);
  assert(stages.has("a/out"));
  stages.remove("b");
  assert(stages.has("a/out"));
  stopping.abort();
  await call.catch(() => {});
  assertEquals(stages.has("a/out"), false);
});

Deno.test("PulledStages go on with the stage of a pipeline that is set again", () => {
  const stages = newStages();
  stages.set(pulledFrom("a"));
  stages.remove("a");
  stages.set(pulledFrom("a"));
  stages.set(pulledFrom("a"));
  stages.set(pulledFrom("b"));
  assert(stages.has("a/out"));
});

Deno.test("PulledStages look at no stage of another pipeline when one is set", () => {
  const { get } = Object.getOwnPropertyDescriptor(
    StageOutlet.prototype,
    "isOver",
  )!;
  let looks = 0;
  Object.defineProperty(StageOutlet.prototype, "isOver", {
    configurable: true,
    get() {
      looks++;
      return get!.call(this);
    },
  });
  try {
    const stages = newStages();
    for (let n = 0; n < 100; n++) stages.set(pulledFrom(`p${n}`));
  } finally {
    Object.defineProperty(StageOutlet.prototype, "isOver", {
      configurable: true,
      get: get!,
    });
  }
  assertEquals(looks, 0);
});
