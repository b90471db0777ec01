import { assertEquals } from "@std/assert";
import { stageRulesMax } from "../../../lib/limits.ts";
import { ConditionCompiler } from "../../../lib/routing/condition.ts";
import { Faults } from "../../../lib/routing/faults.ts";
import { RouteCompiler } from "../../../lib/routing/stage_routes.ts";
import type { StageRoutes } from "../../../lib/routing/types.ts";
import type { Edge, RoutingRule } from "../../../proto/messages/router.ts";
import { edge, rule, stage } from "../../fixtures/pipelines.ts";

const never = { or: { conditions: [] } };
const orders = { recordType: "order" };

/** The routes of stage "a" to "b", "c" and "d", and the faults found on the way. */
function compile(
  edges: readonly Edge[],
  routingRules: RoutingRule[] = [],
): { routes: StageRoutes; faults: string[]; targets: number[] } {
  const faults = new Faults();
  const stages = [
    stage("a", "transform", { routingRules }),
    ...["b", "c", "d"].map((id) => stage(id, "sink")),
  ];
  const compiler = new RouteCompiler(
    stages,
    new Map(stages.map(({ id }, i) => [id, i])),
    new ConditionCompiler(faults),
    faults,
  );
  edges.forEach((each, i) => compiler.addEdge(each, `edges[${i}]`));
  const routes = compiler.routes(0, "stages[0]");
  return {
    routes,
    targets: compiler.targets[0]!,
    faults: faults.list().map(({ field, description }) =>
      `${field}: ${description}`
    ),
  };
}

const toAll = [edge("a", "b"), edge("a", "c"), edge("a", "d")];

Deno.test("RouteCompiler.routes() asks nothing where no condition has to be asked", () => {
  assertEquals(
    compile([
      edge("a", "c", { always: "" }),
      edge("a", "b"),
      edge("a", "d", never),
    ])
      .routes,
    { kind: "fixed", targets: [2, 1] },
  );
  assertEquals(compile([]).routes, { kind: "fixed", targets: [] });
});

Deno.test("RouteCompiler.routes() keeps edges with conditions, in order", () => {
  const { routes } = compile([
    edge("a", "d", orders),
    edge("a", "b"),
    edge("a", "c", never),
  ]);
  assertEquals(
    routes.kind === "edges" && routes.edges.map(({ target }) => target),
    [3, 1],
  );
});

Deno.test("RouteCompiler.routes() ranks rules by priority, equal ones as listed", () => {
  const { routes } = compile(toAll, [
    rule(1, ["b"], orders),
    rule(5, ["c"], orders),
    rule(5, ["d", "b"], orders),
    rule(9, ["d"], never),
  ]);
  assertEquals(
    routes.kind === "rules" && routes.rules.map(({ targets }) => targets),
    [[2], [3, 1], [1]],
  );
});

Deno.test("RouteCompiler.routes() drops the rules after one that always holds", () => {
  const { routes, targets } = compile(toAll, [
    rule(3, ["b"], orders),
    rule(2, ["c"]),
    rule(1, ["d"], orders),
  ]);
  assertEquals(
    routes.kind === "rules" && routes.rules.map(({ targets }) => targets),
    [[1], [2]],
  );
  // Still a place where records may go, once the rule before it is gone.
  assertEquals(targets, [1, 2, 3]);
});

Deno.test("RouteCompiler tells of edges to nowhere, and twice to the same stage", () => {
  assertEquals(
    compile([
      edge("a", "bb"),
      edge("zzz", "c"),
      edge("a", "d"),
      edge("a", "d", orders),
    ])
      .faults,
    [
      'edges[0].to_stage: must be the id of a stage, such as "b", found "bb"',
      'edges[1].from_stage: must be the id of a stage, found "zzz"',
      'edges[3]: must be the only edge from "a" to "d": join the conditions with or',
    ],
  );
});

Deno.test("RouteCompiler tells of rules without targets, or to where no edge leads", () => {
  assertEquals(
    compile([edge("a", "b")], [
      rule(1, []),
      rule(1, ["b", "b"]),
      rule(1, ["c"]),
      rule(1, ["nowhere"]),
      rule(1, ["b", "b", "b", "b", "b"]),
    ]).faults,
    [
      "stages[0].routing_rules[0].target_stages: must name at least one stage, found none",
      'stages[0].routing_rules[1].target_stages[1]: must be named once in a rule, found "b"',
      'stages[0].routing_rules[2].target_stages[0]: must be where an edge leads from "a": add an edge to it, found "c"',
      'stages[0].routing_rules[3].target_stages[0]: must be the id of a stage, found "nowhere"',
      "stages[0].routing_rules[4].target_stages: must be at most the 4 stages that there are, found 5",
    ],
  );
});

Deno.test("RouteCompiler does not look into too many rules", () => {
  const rules = Array(stageRulesMax + 1).fill(rule(1, ["nowhere"]));
  assertEquals(compile(toAll, rules).faults, [
    "stages[0].routing_rules: must be at most 1000, found 1001",
  ]);
});
