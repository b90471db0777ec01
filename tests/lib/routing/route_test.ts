import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import type { Condition } from "../../../proto/messages/router.ts";
import type { Selection } from "../../../lib/routing/index_list.ts";
import { type Routed, Router } from "../../../lib/routing/route.ts";
import type { CompiledPipeline } from "../../../lib/routing/types.ts";
import { seededRandom } from "../../../lib/random.ts";
import {
  edge,
  fanOut,
  rule,
  stage,
  validPipeline,
  viewOf,
} from "../../fixtures/pipelines.ts";

const view = viewOf(["a", "b", "c", "a", "d"].map((recordType) => ({
  recordType,
})));

function type(recordType: string): Condition {
  return { recordType };
}

/** Where records go, as "stage: indexes". */
function shown({ targets, unrouted }: Routed): string[] {
  const list = (records: Selection): string =>
    records === "all" ? "all" : [...records].join(" ");
  return [
    ...targets.map(({ stage, records }) => `${stage}: ${list(records)}`),
    `unrouted: ${list(unrouted)}`,
  ];
}

function routed(pipeline: CompiledPipeline, records?: Selection): string[] {
  return shown(new Router(pipeline).route(0, view, records));
}

/** From one source by these rules to the sinks "1" to "3". */
function byRules(
  ...rules: [priority: number, targets: string[], condition?: Condition][]
): CompiledPipeline {
  const sinks = ["1", "2", "3"];
  return validPipeline({
    stages: [
      stage("in", "source", {
        routingRules: [
          ...rules.map((each) => rule(...each)),
          // Keeps every sink on a way from the source.
          rule(0, sinks, { expression: "record.type == 'nothing'" }),
        ],
      }),
      ...sinks.map((id) => stage(id, "sink")),
    ],
    edges: sinks.map((id) => edge("in", id)),
  });
}

Deno.test("Router.route() sends all records along edges without conditions, and reads none", () => {
  const pipeline = fanOut([undefined, { always: "" }]);
  assertEquals(routed(pipeline), ["1: all", "2: all", "unrouted: "]);
  assertEquals(pipeline.stages[0]!.routes.kind, "fixed");
});

Deno.test("Router.route() sends a record along every edge whose condition holds", () => {
  assertEquals(routed(fanOut([type("a"), type("*"), type("b")])), [
    "1: 0 3",
    "2: all",
    "3: 1",
    "unrouted: ",
  ]);
});

Deno.test("Router.route() leaves out stages that get nothing, and tells what went nowhere", () => {
  assertEquals(routed(fanOut([type("a"), type("x"), type("c")])), [
    "1: 0 3",
    "3: 2",
    "unrouted: 1 4",
  ]);
  assertEquals(routed(fanOut([type("x")])), ["unrouted: all"]);
  assertEquals(routed(fanOut([{ or: { conditions: [] } }])), ["unrouted: all"]);
});

Deno.test("Router.route() routes the chosen records only", () => {
  const some = Uint32Array.of(1, 2, 3);
  assertEquals(routed(fanOut([type("a"), type("b")]), some), [
    "1: 3",
    "2: 1",
    "unrouted: 2",
  ]);
  const { targets } = new Router(fanOut([undefined])).route(0, view, some);
  assertStrictEquals(targets[0]!.records, some);
  assertEquals(routed(fanOut([type("a")]), new Uint32Array(0)), ["unrouted: "]);
});

Deno.test("Router.route() lets an edge without condition take all beside others", () => {
  assertEquals(routed(fanOut([type("a"), undefined])), [
    "1: 0 3",
    "2: all",
    "unrouted: ",
  ]);
});

Deno.test("Router.route() follows the first rule that holds, highest priority first", () => {
  assertEquals(
    routed(byRules(
      [1, ["1"], type("*")],
      [9, ["2"], type("a")],
      [5, ["3"], type("a")],
    )),
    ["2: 0 3", "1: 1 2 4", "unrouted: "],
  );
  assertEquals(
    routed(byRules([7, ["1"], type("a")], [7, ["2"], type("a")])),
    ["1: 0 3", "unrouted: 1 2 4"],
  );
});

Deno.test("Router.route() sends the records of a rule to all its targets, in order", () => {
  assertEquals(
    routed(byRules([9, ["1", "2"], type("a")], [8, ["2", "3"], type("b")])),
    ["1: 0 3", "2: 0 1 3", "3: 1", "unrouted: 2 4"],
  );
});

Deno.test("Router.route() asks nothing where the first rule always holds", () => {
  const pipeline = byRules([9, ["2"]], [1, ["1"], type("a")]);
  assertEquals(pipeline.stages[0]!.routes, { kind: "fixed", targets: [2] });
  assertEquals(routed(pipeline), ["2: all", "unrouted: "]);
});

Deno.test("Router.route() counts expressions that fail, for each batch anew", () => {
  const router = new Router(fanOut([{
    expression: "record.metadata.x == 'y' || record.type == 'b'",
  }]));
  const first = router.route(0, view);
  assertEquals([first.failures, ...shown(first)], [
    4,
    "1: 1",
    "unrouted: 0 2 3 4",
  ]);
  assertEquals(router.route(0, view, Uint32Array.of(1)).failures, 0);
});

Deno.test("Router.route() gives lists that later batches leave alone", () => {
  const router = new Router(fanOut([type("a"), type("b")]));
  const first = router.route(0, view);
  const before = shown(first);
  router.route(0, viewOf([{ recordType: "b" }, { recordType: "b" }]));
  assertEquals(shown(first), before);
});

Deno.test("Router.route() agrees with asking each record by itself", () => {
  const seed = 99;
  const random = seededRandom(seed);
  const types = ["a", "b", "c"];
  const regions = ["eu", "us", undefined];
  const pick = <T>(of: readonly T[]): T =>
    of[Math.floor(random() * of.length)]!;
  for (let round = 0; round < 100; round++) {
    const records = Array.from(
      { length: 1 + Math.floor(random() * 40) },
      () => {
        const region = pick(regions);
        return {
          recordType: pick(types),
          metadata: region === undefined ? {} : { region },
        };
      },
    );
    const wanted = [pick(types), pick(types)];
    const region = pick(["eu", "us"]);
    const router = new Router(fanOut([
      type(wanted[0]!),
      { metadataMatch: { key: "region", pattern: region } },
      {
        and: {
          conditions: [
            type(wanted[1]!),
            { expression: `has(record.metadata.region)` },
          ],
        },
      },
    ]));
    const { targets, unrouted } = router.route(0, viewOf(records));
    const goesTo = (i: number): number[] => {
      const { recordType, metadata } = records[i]!;
      const found = "region" in metadata ? metadata.region : undefined;
      return [
        recordType === wanted[0],
        found === region,
        recordType === wanted[1] && found !== undefined,
      ].flatMap((holds, n) => holds ? [n + 1] : []);
    };
    const all = records.map((_, i) => i);
    const indexes = (selection: Selection): number[] =>
      selection === "all" ? all : [...selection];
    const where = `seed ${seed}, round ${round}`;
    for (const stage of [1, 2, 3]) {
      const target = targets.find((each) => each.stage === stage);
      assertEquals(
        target === undefined ? [] : indexes(target.records),
        all.filter((i) => goesTo(i).includes(stage)),
        where,
      );
      assert(target === undefined || target.records.length > 0, where);
    }
    assertEquals(
      indexes(unrouted),
      all.filter((i) => goesTo(i).length === 0),
      where,
    );
  }
});
