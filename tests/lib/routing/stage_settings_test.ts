import { assertEquals } from "@std/assert";
import { Faults } from "../../../lib/routing/faults.ts";
import { stageSettings } from "../../../lib/routing/stage_settings.ts";
import type {
  LoadBalanceStrategy,
  Stage,
  UnavailablePolicy,
} from "../../../proto/messages/router.ts";
import { stage } from "../../fixtures/pipelines.ts";

function faultsOf(of: Stage): string[] {
  const faults = new Faults();
  stageSettings(of, 0, "stages[0]", faults);
  return faults.list().map(({ field, description }) =>
    `${field}: ${description}`
  );
}

function settings(of: Stage): ReturnType<typeof stageSettings> {
  const faults = new Faults();
  const found = stageSettings(of, 3, "stages[3]", faults);
  assertEquals(faults.list(), []);
  return found;
}

const selector = {
  serviceName: "svc",
  groupId: "g",
  labels: { zone: "a" },
  loadBalance: 4,
};

Deno.test("stageSettings() fills in the defaults", () => {
  assertEquals(settings(stage("t", "transform")), {
    kind: "transform",
    index: 3,
    id: "t",
    selector: {
      serviceName: "t",
      groupId: "",
      labels: new Map(),
      loadBalance: "round_robin",
    },
    parallelism: 1,
    queueRecords: 10_000,
    batch: {
      recordsDue: 500,
      recordsMax: 2_000,
      bytesMax: 1_048_576,
      lingerMs: 5,
    },
    retry: {
      maxAttempts: 4,
      initialBackoffMs: 100,
      maxBackoffMs: 5_000,
      multiplier: 2,
      attemptTimeoutMs: 30_000,
    },
    onUnavailable: "block",
    config: {},
  });
});

Deno.test("stageSettings() gives what is set", () => {
  const found = settings(stage("t", "transform", {
    serviceSelector: selector,
    parallelism: 8,
    onUnavailable: 2,
    config: { a: "b" },
  }));
  assertEquals(found?.selector, {
    serviceName: "svc",
    groupId: "g",
    labels: new Map([["zone", "a"]]),
    loadBalance: "consistent_hash",
  });
  assertEquals([found?.parallelism, found?.onUnavailable], [8, "drop"]);
  assertEquals(found?.kind === "transform" && found.config, { a: "b" });
});

Deno.test("stageSettings() takes a sink that is pulled from without a service", () => {
  const labels = { "conveyor/delivery": "pull" };
  const pulled = settings(stage("s", "sink", {
    serviceSelector: { ...selector, serviceName: "", labels },
  }));
  assertEquals(pulled?.kind === "sink" && pulled.delivery, "pull");
  const pushed = settings(stage("s", "sink"));
  assertEquals(pushed?.kind === "sink" && pushed.delivery, "push");
});

Deno.test("stageSettings() refuses a delivery that it does not know, or not on a sink", () => {
  const on = (kind: "sink" | "source", value: string): string[] =>
    faultsOf(stage("s", kind, {
      serviceSelector: { ...selector, labels: { "conveyor/delivery": value } },
    }));
  assertEquals(on("sink", "push"), [
    'stages[0].service_selector.labels["conveyor/delivery"]: must be "pull" or not set, found "push"',
  ]);
  assertEquals(on("source", "pull"), [
    'stages[0].service_selector.labels["conveyor/delivery"]: must not be set on a source stage: only the records of a sink stage can be pulled',
  ]);
});

Deno.test("stageSettings() refuses a selector of more labels than a service has", () => {
  const labels = Object.fromEntries(
    Array.from({ length: 257 }, (_, at) => [`label-${at}`, "x"]),
  );
  assertEquals(
    faultsOf(stage("s", "sink", { serviceSelector: { ...selector, labels } })),
    [
      'stages[0].service_selector.labels: must have at most 256 labels, as a service has, found "257 labels"',
    ],
  );
});

Deno.test("stageSettings() refuses a kind, policy or balance that it does not know", () => {
  for (const stageType of [0, 5, -1]) {
    assertEquals(faultsOf({ ...stage("s", "sink"), stageType }), [
      `stages[0].stage_type: must be source, transform, sink or lookup (1 to 4), found ${stageType}`,
    ]);
  }
  assertEquals(
    faultsOf(stage("s", "sink", {
      onUnavailable: 3 as UnavailablePolicy,
      serviceSelector: { ...selector, loadBalance: 9 as LoadBalanceStrategy },
    })),
    [
      "stages[0].service_selector.load_balance: must be a value of its enum, 0 to 4, found 9",
      "stages[0].on_unavailable: must be a value of its enum, 0 to 2, found 3",
    ],
  );
});

Deno.test("stageSettings() refuses settings that would do nothing on the stage", () => {
  assertEquals(
    faultsOf(stage("s", "sink", {
      config: { a: "b" },
      lookup: {
        keyFields: ["k"],
        outputPrefix: "",
        onMiss: 0,
        cacheEntries: 0,
      },
    })),
    [
      "stages[0].lookup: must not be set on a sink stage",
      "stages[0].config: must be empty on a sink stage: it is handed to transforms only, found an object",
    ],
  );
});

Deno.test("stageSettings() wants a service", () => {
  for (const serviceSelector of [undefined, { ...selector, serviceName: "" }]) {
    assertEquals(faultsOf(stage("s", "sink", { serviceSelector })), [
      'stages[0].service_selector.service_name: must not be empty, found ""',
    ]);
  }
});
