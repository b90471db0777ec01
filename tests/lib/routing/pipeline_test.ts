import { assert, assertEquals } from "@std/assert";
import {
  pipelineEdgesMax,
  pipelineFaultsMax,
  pipelineStagesMax,
} from "../../../lib/limits.ts";
import { compilePipeline } from "../../../lib/routing/pipeline.ts";
import type {
  PipelineConfig,
  UnroutedPolicy,
} from "../../../proto/messages/router.ts";
import { Router } from "../../../lib/routing/route.ts";
import { seededRandom } from "../../../lib/random.ts";
import { codecOf } from "../../../proto/codec.ts";
import { schema } from "../../../proto/schema.ts";
import { mutated } from "../../fixtures/mutations.ts";
import {
  edge,
  pipelineConfig,
  rule,
  stage,
  validPipeline,
  viewOf,
} from "../../fixtures/pipelines.ts";

/** The faults of a pipeline, as "field: description". */
function faultsOf(parts: Partial<PipelineConfig>): string[] {
  const result = compilePipeline(pipelineConfig(parts));
  return result.kind === "valid"
    ? []
    : result.faults.map(({ field, description }) => `${field}: ${description}`);
}

function chain(...ids: string[]): PipelineConfig["edges"] {
  return ids.slice(1).map((id, i) => edge(ids[i]!, id));
}

const work = [
  stage("in", "source"),
  stage("a", "transform"),
  stage("b", "transform"),
  stage("out", "sink"),
];

Deno.test("compilePipeline() compiles stages, ends, order and policies", () => {
  const pipeline = validPipeline({
    stages: [
      stage("out", "sink"),
      stage("in", "source"),
      stage("clean", "transform"),
      stage("side", "sink"),
    ],
    edges: [...chain("in", "clean", "out"), edge("in", "side")],
    unrouted: 1,
    deadLetter: {
      sinkService: "dlq",
      maxRecords: 2n ** 60n,
      maxAge: { seconds: 60n, nanos: 0 },
    },
  });
  assertEquals(pipeline.stages.map(({ index, id }) => [index, id]), [
    [0, "out"],
    [1, "in"],
    [2, "clean"],
    [3, "side"],
  ]);
  assertEquals(pipeline.sources.map(({ id }) => id), ["in"]);
  assertEquals(pipeline.sinks.map(({ id }) => id), ["out", "side"]);
  assertEquals(pipeline.order, [1, 2, 3, 0]);
  assertEquals(pipeline.stages.map(({ routes }) => routes), [
    { kind: "fixed", targets: [] },
    { kind: "fixed", targets: [2, 3] },
    { kind: "fixed", targets: [0] },
    { kind: "fixed", targets: [] },
  ]);
  assertEquals([pipeline.id, pipeline.unrouted], ["orders", "dead_letter"]);
  assertEquals(pipeline.deadLetter, {
    sinkService: "dlq",
    recordsMax: 2n ** 60n,
    ageMsMax: 60_000,
  });
});

Deno.test("compilePipeline() leaves what the router decides to the router", () => {
  assertEquals(validPipeline({ id: "" }).deadLetter, {
    sinkService: "",
    recordsMax: undefined,
    ageMsMax: undefined,
  });
});

Deno.test("compilePipeline() tells all faults at once, each with its path", () => {
  assertEquals(
    faultsOf({
      stages: [
        stage("in", "source", { parallelism: 5_000 }),
        stage("", "transform"),
        stage("a", "transform", {
          routingRules: [
            rule(1, ["ot"], { expression: "record.type = 'x'" }),
          ],
        }),
        stage("a", "transform"),
        stage("out", "sink", { serviceSelector: undefined }),
      ],
      edges: [edge("in", "a"), edge("a", "out"), edge("b", "out")],
      unrouted: 7 as UnroutedPolicy,
    }),
    [
      "unrouted: must be a value of its enum, 0 to 1, found 7",
      'stages[1].id: must not be empty, found ""',
      'stages[3].id: must be unique, but stages[2] has it too, found "a"',
      "stages[0].parallelism: must be an integer from 1 to 1024, or 0 for the default of 1, found 5000",
      'stages[1].service_selector.service_name: must not be empty, found ""',
      'stages[4].service_selector.service_name: must not be empty, found ""',
      'edges[2].from_stage: must be the id of a stage, such as "a", found "b"',
      'stages[2].routing_rules[0].target_stages[0]: must be the id of a stage, such as "out", found "ot"',
      "stages[2].routing_rules[0].condition.expression: must be a CEL expression over record: Unexpected character: = at character 13, found \"record.type = 'x'\"",
    ],
  );
});

Deno.test("compilePipeline() does not call a stage unreachable that a misspelt edge leads to", () => {
  assertEquals(
    faultsOf({ edges: [edge("in", "aut")] }),
    ['edges[0].to_stage: must be the id of a stage, such as "out", found "aut"'],
  );
});

Deno.test("compilePipeline() shows a cycle", () => {
  assertEquals(
    faultsOf({
      stages: work,
      edges: [...chain("in", "a", "b", "out"), edge("b", "a")],
    }),
    ["edges[3]: must not close a cycle, found a -> b -> a: records would go round for ever"],
  );
  assertEquals(
    faultsOf({
      stages: work,
      edges: [...chain("in", "a", "b", "out"), edge("b", "b")],
    }),
    ["edges[3]: must not close a cycle, found b -> b: records would go round for ever"],
  );
});

Deno.test("compilePipeline() wants a source and a sink", () => {
  assertEquals(faultsOf({ stages: [], edges: [] }), [
    "stages: must have at least one source stage, found none",
    "stages: must have at least one sink stage, found none",
  ]);
  assertEquals(
    faultsOf({
      stages: [stage("in", "source"), stage("a", "transform")],
      edges: chain("in", "a"),
    }),
    ["stages: must have at least one sink stage, found none"],
  );
});

Deno.test("compilePipeline() wants every stage on a way from a source to a sink", () => {
  const faults = faultsOf({
    stages: [...work, stage("lost", "transform"), stage("dead", "transform")],
    edges: [
      ...chain("in", "a", "b", "out"),
      edge("lost", "out"),
      edge("a", "dead"),
    ],
  });
  assertEquals(faults, [
    'stages[4]: must be on a way from a source: no edge or rule that starts at one leads to it, found "lost"',
    'stages[5]: must be on a way to a sink: by its edges its records reach none, found "dead"',
  ]);
});

Deno.test("compilePipeline() follows rules in place of edges", () => {
  const rules = (...targets: string[]): PipelineConfig["stages"] => [
    stage("in", "source", {
      routingRules: [rule(1, targets, { recordType: "x" })],
    }),
    ...work.slice(1),
  ];
  const edges = [
    edge("in", "a"),
    edge("in", "b"),
    edge("a", "out"),
    edge("b", "out"),
  ];
  assertEquals(faultsOf({ stages: rules("a", "b"), edges }), []);
  assertEquals(faultsOf({ stages: rules("a"), edges }), [
    'stages[2]: must be on a way from a source: no edge or rule that starts at one leads to it, found "b"',
  ]);
});

Deno.test("compilePipeline() lets nothing lead to a source or out of a sink", () => {
  const faults = faultsOf({
    stages: [
      stage("in", "source"),
      stage("out", "sink"),
      stage("in2", "source"),
      stage("out2", "sink"),
    ],
    edges: [
      edge("in", "out"),
      edge("in", "in2"),
      edge("in2", "out2"),
      edge("out", "out2"),
    ],
  });
  assertEquals(faults, [
    'edges[1].to_stage: must not be a source: nothing leads to it, found "in2"',
    'edges[3].from_stage: must not be a sink: nothing comes out of it, found "out"',
  ]);
});

Deno.test("compilePipeline() refuses a slash in a stage's id", () => {
  assertEquals(
    faultsOf({
      stages: [stage("in", "source"), stage("a/b", "sink")],
      edges: [edge("in", "a/b")],
    }),
    ['stages[1].id: must not contain "/", found "a/b"'],
  );
});

Deno.test("compilePipeline() does not look into a pipeline that is too large", () => {
  const stages = Array.from(
    { length: pipelineStagesMax + 1 },
    (_, i) => stage(`${i}`, "transform"),
  );
  const edges = Array(pipelineEdgesMax + 1).fill(edge("x", "y"));
  assertEquals(faultsOf({ stages, edges }), [
    "stages: must be at most 1000, found 1001",
    "edges: must be at most 10000, found 10001",
  ]);
});

Deno.test("compilePipeline() bounds the faults that it tells, and the time that it takes", () => {
  const name = "x".repeat(255);
  const stages = [
    ...work,
    ...Array.from(
      { length: pipelineStagesMax - work.length },
      (_, i) => stage(`${name}${i}`, "transform"),
    ),
  ];
  const edges = Array.from(
    { length: pipelineEdgesMax },
    (_, i) => edge(`${name}-${i}`, `${i}-${name}`),
  );
  const faults = faultsOf({ stages, edges });
  assertEquals(faults.length, pipelineFaultsMax + 1);
  assert(/^: \d+ more faults/.test(faults.at(-1)!), faults.at(-1));
});

Deno.test("compilePipeline() takes the longest and the widest pipelines", () => {
  const middle = Array.from(
    { length: pipelineStagesMax - 2 },
    (_, i) => `s${i}`,
  );
  const stages = [
    stage("in", "source"),
    ...middle.map((id) => stage(id, "transform")),
    stage("out", "sink"),
  ];
  const long = validPipeline({ stages, edges: chain("in", ...middle, "out") });
  assertEquals(long.order, stages.map((_, i) => i));
  const wide = validPipeline({
    stages,
    edges: middle.flatMap((id) => chain("in", id, "out")),
  });
  assertEquals(wide.order.at(-1), pipelineStagesMax - 1);
});

Deno.test("compilePipeline() answers every pipeline that can be sent, valid or not", () => {
  const codec = codecOf<PipelineConfig>(
    schema.lookupType("conveyor.router.PipelineConfig"),
  );
  const bytes = codec.encode(pipelineConfig({
    stages: [
      stage("in", "source", {
        routingRules: [
          rule(2, ["a"], { expression: "record.payload.n > 1.5" }),
          rule(1, ["a", "out"], {
            not: {
              condition: { metadataMatch: { key: "k", pattern: "re:^a" } },
            },
          }),
        ],
      }),
      stage("a", "lookup", {
        batch: {
          maxRecords: 9,
          maxBytes: 9,
          linger: { seconds: 1n, nanos: 0 },
        },
      }),
      stage("out", "sink"),
    ],
    edges: [
      edge("in", "a"),
      edge("in", "out"),
      edge("a", "out", { recordType: "x*" }),
    ],
  }));
  const seed = 31_337;
  const random = seededRandom(seed);
  const outcomes = { valid: 0, invalid: 0 };
  for (let round = 0; round < 3_000; round++) {
    let config;
    try {
      config = codec.decode(mutated(bytes, bytes, random));
    } catch {
      continue;
    }
    const where = `seed ${seed}, round ${round}`;
    const result = compilePipeline(config);
    outcomes[result.kind]++;
    assert(result.kind === "valid" || result.faults.length > 0, where);
    if (result.kind === "valid") {
      const view = viewOf([{ recordType: "x", metadata: { k: "a" } }]);
      new Router(result.pipeline).route(0, view);
    }
  }
  assert(
    outcomes.valid > 100 && outcomes.invalid > 100,
    JSON.stringify(outcomes),
  );
});
