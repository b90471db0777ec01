/**
 * Goal: a file says of a pipeline all that can be said, and what is printed of a pipeline is such a file.
 * Method: random valid pipelines there and back, with texts that YAML might take for something else; and
 * by hand, each way in which a file may be wrong.
 */
import { assert, assertEquals, assertThrows } from "@std/assert";
import { render } from "../../../clients/ctl/output.ts";
import {
  pipelineType,
  readPipelines,
  saysAll,
} from "../../../clients/ctl/pipeline_file.ts";
import { type Form, writeForm } from "../../../clients/ctl/write_form.ts";
import { ConveyorError } from "../../../lib/errors.ts";
import { seededRandom } from "../../../lib/random.ts";
import { codecOf } from "../../../proto/codec.ts";
import type { PipelineConfig } from "../../../proto/messages/router.ts";
import {
  StageType,
  type UnroutedPolicy,
} from "../../../proto/messages/router.ts";
import { pipelineConfig } from "../../fixtures/pipelines.ts";
import { randomPipeline } from "../../fixtures/random_pipelines.ts";

const codec = codecOf<PipelineConfig>(pipelineType);

/** As a router gives it back. */
function decoded(config: PipelineConfig): PipelineConfig {
  return codec.decode(codec.encode(config));
}

function configsIn(text: string): PipelineConfig[] {
  return readPipelines("file", text).map(({ config }) => config);
}

/** What is said of a file that is refused. */
function refusalOf(text: string): string {
  return assertThrows(() => readPipelines("file", text), ConveyorError).message;
}

/** The names of all fields in a form. */
function namesIn(form: unknown): string[] {
  if (typeof form !== "object" || form === null) return [];
  return Object.entries(form).flatMap(([name, value]) => [
    name,
    ...namesIn(value),
  ]);
}

Deno.test("readPipelines reads what is written of any pipeline, in YAML and in JSON", () => {
  const seen = new Set<string>();
  for (let seed = 1; seed <= 300; seed++) {
    const config = decoded(randomPipeline(seededRandom(seed)));
    assert(saysAll(config), `SEED ${seed}`);
    const forms = [writeForm(pipelineType, config)];
    namesIn(forms).forEach((name) => seen.add(name));
    for (const output of ["yaml", "json"] as const) {
      const text = render(output, { forms, table: () => [] });
      assertEquals(configsIn(text), [config], `SEED ${seed}: ${text}`);
    }
  }
  for (
    const name
      of "name description labels group_id load_balance routing_rules target_stages priority condition always record_type metadata_match key pattern expression and or not conditions parallelism config lookup key_fields output_prefix on_miss cache_ttl cache_entries retry max_attempts initial_backoff max_backoff multiplier attempt_timeout batch max_records max_bytes linger on_unavailable queue_records from_stage to_stage enabled metadata dead_letter sink_service max_age unrouted"
        .split(" ")
  ) assert(seen.has(name), name);
});

Deno.test("saysAll tells of a field, or of a value, that a newer router knows", () => {
  const config = decoded(pipelineConfig());
  const field = [0x9a, 0x06, 0x01, 0x78];
  assert(
    !saysAll(codec.decode(
      new Uint8Array([...codec.encode(config), ...field]),
    )),
  );
  assert(!saysAll({ ...config, unrouted: 99 as UnroutedPolicy }));
});

Deno.test("readPipelines takes both cases of field names, and values with their prefix or without it", () => {
  const [config] = configsIn(`{
\t"id": "orders", "enabled": true,
\t"stages": [
\t\t{"id": "in", "stageType": "STAGE_TYPE_SOURCE", "serviceSelector": {"serviceName": "in"}},
\t\t{"id": "out", "stage_type": "Sink", "service_selector": {"service_name": "out"}, "batch": {"linger": "0.02s"}}
\t],
\t"edges": [{"fromStage": "in", "to_stage": "out"}],
\t"deadLetter": {"maxRecords": "18446744073709551615"}
}`);
  const [source, sink] = config!.stages;
  assertEquals(source!.stageType, StageType.Source);
  assertEquals(sink!.stageType, StageType.Sink);
  assertEquals(sink!.batch?.linger, { seconds: 0n, nanos: 20_000_000 });
  assertEquals(config!.deadLetter?.maxRecords, 2n ** 64n - 1n);
});

const text = (id: string): string =>
  render("yaml", {
    forms: writeForm(pipelineType, decoded(pipelineConfig({ id }))),
    table: () => [],
  });

Deno.test("readPipelines takes several documents, and lists of pipelines", () => {
  const list: Form = ["c", "d"].map((id) =>
    writeForm(pipelineType, decoded(pipelineConfig({ id })))
  );
  const documents = `${text("a")}---\n# nothing\n---\n${text("b")}---\n${
    JSON.stringify(list)
  }\n`;
  assertEquals(configsIn(documents).map(({ id }) => id), ["a", "b", "c", "d"]);
  assertEquals(configsIn("# nothing\n"), []);
});

Deno.test("readPipelines takes the names in a map as they are written", () => {
  const [config] = configsIn(text("a") + "metadata: {1.0: a, 0x10: b, ~: c}\n");
  assertEquals(config!.metadata, { "1.0": "a", "0x10": "b", "~": "c" });
});

Deno.test("readPipelines tells all faults of all documents, by line and path", () => {
  assertEquals(
    refusalOf(`id: orders
enabled: "yes"
stages:
  - id: shop
    stage_typ: source
    service_selector: {service_name: 5}
  - id: archive
    stage_type: snk
    stageType: sink
    batch:
      linger: 20
      max_records: -1
metadata: {a.b: [x]}
edges: {}
---
id: second
stages: [{id: a, stage_type: source, service_selector: {service_name: a}}]
edges:
  - {from_stage: a, to_stage: b}
`),
    `Cannot accept pipeline "orders":
  file:2: enabled must be true or false, found "yes"
  file:5: stages[0].stage_typ is no field of Stage; did you mean "stage_type"?
  file:6: stages[0].service_selector.service_name must be a text: write it in quotes, as "5", found 5
  file:8: stages[1].stage_type must be one of source, transform, sink, lookup, found "snk"
  file:9: stages[1].stageType must be given once, in one spelling
  file:11: stages[1].batch.linger must be a time with its unit, as "5s", "200ms", "2m", "1h" or "7d", found 20
  file:12: stages[1].batch.max_records must be an integer from 0 to 4294967295, found -1
  file:13: metadata["a.b"] must be a text, found an array of 1
  file:14: edges must be a list, found an object
Cannot accept pipeline "second":
  file:19: edges[0].to_stage must be the id of a stage, such as "a", found "b"
  file:17: stages must have at least one sink stage, found none`,
  );
});

for (
  const [name, wrong, says] of [
    ["no mapping", "orders", "file:1: it must be a mapping of names to values"],
    [
      "no id",
      text("orders").replace(/^id.*\n/, ""),
      'id must be given, found ""',
    ],
    [
      "a unit that nobody knows",
      text("orders") + "dead_letter: {max_age: 1w}\n",
      'dead_letter.max_age must be a time with its unit, as "5s", "200ms", "2m", "1h" or "7d", found "1w"',
    ],
    [
      "a oneof with two",
      text("orders").replace(
        "to_stage: out",
        "to_stage: out\n    condition: {always: x, record_type: y}",
      ),
      "edges[0].condition must have only one of always, record_type",
    ],
    [
      "more faults than can be told",
      `id: x\nstages: [${Array(500).fill("{idd: a}")}]\n`,
      "\n  file:1: 400 more faults, told when these are mended",
    ],
    ["no YAML", "id: [", "Cannot read the pipelines in file: "],
    ["a key twice", "id: a\nid: b\n", "Map keys must be unique at line 2"],
    [
      "a name that is none",
      text("orders") + '"stages[0]": 1\n"\\e[31m": 1\n"": 1\n<<: {}\n',
      `
  file:15: ["stages[0]"] is no field of PipelineConfig; did you mean "stages"?
  file:16: ["\\u001b[31m"] is no field of PipelineConfig, which`,
    ],
    ["a key that is no text", "? [a]\n: b\n", "all keys must be strings"],
    ["an alias of nothing", "id: *a\n", "Cannot read the pipelines in file: "],
    [
      "aliases without end",
      `a: &a [x]\nb: &b [${Array(99).fill("*a")}]\nc: &c [${
        Array(99).fill("*b")
      }]\nd: [${Array(99).fill("*c")}]\n`,
      "Cannot read the pipelines in file: ",
    ],
    [
      "an alias of itself",
      text("orders") + "description: &a [*a]\n",
      "description must be a text",
    ],
  ] as const
) {
  Deno.test(`readPipelines refuses a file with ${name}`, () => {
    const said = refusalOf(wrong);
    assert(said.includes(says), said);
  });
}

Deno.test("readPipelines refuses a pipeline that is deeper than a message may be", () => {
  const deep = "{not: {condition: ".repeat(200) + "{always: x}" +
    "}}".repeat(200);
  const said = refusalOf(
    text("orders").replace(
      "to_stage: out",
      `to_stage: out\n    condition: ${deep}`,
    ),
  );
  assert(said.includes("deep"), said);
});
