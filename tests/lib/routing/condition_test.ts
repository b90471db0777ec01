import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import {
  conditionDepthMax,
  patternCharsMax,
  pipelineConditionsMax,
} from "../../../lib/limits.ts";
import {
  always,
  type Condition,
  ConditionCompiler,
  never,
} from "../../../lib/routing/condition.ts";
import { Faults } from "../../../lib/routing/faults.ts";
import { RecordReader } from "../../../lib/routing/record_reader.ts";
import type { Condition as Message } from "../../../proto/messages/router.ts";
import { viewOf } from "../../fixtures/pipelines.ts";

const records = [
  { recordType: "order.created", metadata: { region: "eu-west", tier: "1" } },
  { recordType: "order.paid", metadata: { region: "us" } },
  { recordType: "", metadata: {} },
];

function compile(message: Message): { condition: Condition; keys: string[] } {
  const faults = new Faults();
  const compiler = new ConditionCompiler(faults);
  const condition = compiler.compile(message, "condition");
  assertEquals(faults.list(), []);
  return { condition, keys: [...compiler.metadataKeys] };
}

/** For which of the records above the condition holds, and how many expressions failed. */
function holding(message: Message): string {
  const { condition, keys } = compile(message);
  const reader = new RecordReader(keys);
  reader.open(viewOf(records));
  const held = records.map((_, i) => {
    reader.seek(i);
    return condition.holds(reader) ? "+" : "-";
  });
  return held.join("") + (reader.failures > 0 ? ` ${reader.failures}` : "");
}

function faultsIn(message: Message): string[] {
  const faults = new Faults();
  new ConditionCompiler(faults).compile(message, "edges[0].condition");
  return faults.list().map(({ field, description }) =>
    `${field}: ${description}`
  );
}

const tier: Message = { metadataMatch: { key: "tier", pattern: "1" } };
const order: Message = { recordType: "order.*" };

Deno.test("Condition always holds when it is always, whatever the text, or absent", () => {
  assertEquals(holding({ always: "false" }), "+++");
  assertStrictEquals(compile({ always: "" }).condition, always);
  const compiler = new ConditionCompiler(new Faults());
  assertStrictEquals(compiler.compile(undefined, "x"), always);
});

Deno.test("Condition holds by record type", () => {
  assertEquals(holding({ recordType: "order.paid" }), "-+-");
  assertEquals(holding(order), "++-");
  assertEquals(holding({ recordType: "" }), "--+");
});

Deno.test("Condition holds by metadata, and never without the entry", () => {
  const match = (key: string, pattern: string): string =>
    holding({ metadataMatch: { key, pattern } });
  assertEquals(match("region", "us"), "-+-");
  assertEquals(match("region", "eu-*"), "+--");
  assertEquals(match("region", "*"), "++-");
  assertEquals(match("region", "re:^(eu|us)"), "++-");
  assertEquals(match("region", "re:west$"), "+--");
  assertEquals(match("nope", "*"), "---");
});

Deno.test("Condition holds by expression, and one that fails is false and counted", () => {
  assertEquals(holding({ expression: "record.type == 'order.paid'" }), "-+-");
  assertEquals(holding({ expression: "record.metadata.tier == '1'" }), "+-- 2");
  assertEquals(
    holding({
      not: { condition: { expression: "record.metadata.tier == '1'" } },
    }),
    "-++ 2",
  );
});

Deno.test("Condition and, or and not combine others", () => {
  const of = (...conditions: Message[]): { conditions: Message[] } => ({
    conditions,
  });
  assertEquals(holding({ and: of(order, tier) }), "+--");
  assertEquals(holding({ or: of({ recordType: "" }, tier) }), "+-+");
  assertEquals(holding({ not: { condition: order } }), "--+");
  assertEquals(
    holding({ not: { condition: { not: { condition: tier } } } }),
    "+--",
  );
  assertEquals(holding({ and: of({ or: of(tier, order) }, order) }), "++-");
});

Deno.test("Condition that is decided without a record is known as such", () => {
  const one = (message: Message): Condition => compile(message).condition;
  const yes: Message = { always: "" };
  const no: Message = { or: { conditions: [] } };
  assertStrictEquals(one({ and: { conditions: [] } }), always);
  assertStrictEquals(one(no), never);
  assertStrictEquals(one({ not: { condition: yes } }), never);
  assertStrictEquals(one({ not: { condition: no } }), always);
  assertStrictEquals(one({ or: { conditions: [order, yes] } }), always);
  assertStrictEquals(one({ and: { conditions: [order, no] } }), never);
  assertEquals([...one({ and: { conditions: [yes, order] } }).reads], ["type"]);
});

Deno.test("Condition states which fields it reads", () => {
  const { condition } = compile({
    or: {
      conditions: [order, tier, { expression: "has(record.payload.a)" }],
    },
  });
  assertEquals([...condition.reads].sort(), ["metadata", "payload", "type"]);
});

Deno.test("ConditionCompiler.metadataKeys names each key once", () => {
  const { keys } = compile({
    and: {
      conditions: [
        tier,
        tier,
        { metadataMatch: { key: "a", pattern: "*" } },
        { expression: "record.metadata.tier < record.metadata['b']" },
      ],
    },
  });
  assertEquals(keys, ["tier", "a", "b"]);
});

Deno.test("ConditionCompiler.compile() tells every fault with its path", () => {
  assertEquals(
    faultsIn({
      and: {
        conditions: [
          {},
          { expression: "record.typ == 'x'" },
          { not: {} },
          { metadataMatch: { key: "", pattern: "re:[" } },
          { always: "", recordType: "x" },
        ],
      },
    }),
    [
      "edges[0].condition.and.conditions[0]: must be one of always, record_type, metadata_match, expression, and, or, not, found nothing",
      "edges[0].condition.and.conditions[1].expression: must be a CEL expression over record: No such key: typ at character 8, found \"record.typ == 'x'\"",
      "edges[0].condition.and.conditions[2].not.condition: must be set, found nothing",
      'edges[0].condition.and.conditions[3].metadata_match.key: must be the name of an entry, found ""',
      'edges[0].condition.and.conditions[3].metadata_match.pattern: must be an RE2 expression after "re:": missing closing ]: `[`, found "re:["',
      "edges[0].condition.and.conditions[4]: must be one of always, record_type, metadata_match, expression, and, or, not, found always, record_type",
    ],
  );
});

Deno.test("ConditionCompiler.compile() refuses what is too deep, too long or too many", () => {
  let deep: Message = { always: "" };
  for (let i = 1; i < conditionDepthMax; i++) {
    deep = { not: { condition: deep } };
  }
  assertEquals(faultsIn(deep), []);
  const [fault] = faultsIn({ not: { condition: deep } });
  assert(fault?.endsWith("must be at most 32 deep"), fault);

  const long = "x".repeat(patternCharsMax + 1);
  assertEquals(faultsIn({ recordType: long }).length, 1);
  assertEquals(
    faultsIn({ metadataMatch: { key: "a", pattern: `re:${long}` } }).length,
    1,
  );

  const many = Array(pipelineConditionsMax).fill(order);
  const faults = faultsIn({ or: { conditions: many } });
  assertEquals(faults.length, 1);
  assert(faults[0]!.includes("at most 10000 conditions"), faults[0]);
});
