/**
 * Turns the edges and rules of a pipeline into the routes of each stage, simplified: a condition that
 * always or never holds is asked of no record. Faults in names, targets and conditions are told.
 */
import { hintCharsMax, hintsMax, stageRulesMax } from "../limits.ts";
import { nearest } from "../nearest.ts";
import type { Edge, RoutingRule, Stage } from "../../proto/messages/router.ts";
import { always, type ConditionCompiler, never } from "./condition.ts";
import type { Faults } from "./faults.ts";
import type { CompiledEdge, CompiledRule, StageRoutes } from "./types.ts";

/** Compiles the routes of one pipeline. */
export class RouteCompiler {
  readonly #stages: readonly Stage[];
  readonly #indexes: ReadonlyMap<string, number>;
  readonly #conditions: ConditionCompiler;
  readonly #faults: Faults;
  /** The edges from each stage, in the order of the configuration. */
  readonly #edges: CompiledEdge[][];
  #hintsLeft = hintsMax;
  /** Whether an edge or rule names a stage that there is none of: the graph is not known in full. */
  unresolved = false;
  /** The targets of the rules of each stage that has rules. */
  readonly #ruleTargets: Map<number, number[]> = new Map();

  /** `indexes` are those of the stages by id. */
  constructor(
    stages: readonly Stage[],
    indexes: ReadonlyMap<string, number>,
    conditions: ConditionCompiler,
    faults: Faults,
  ) {
    this.#stages = stages;
    this.#indexes = indexes;
    this.#conditions = conditions;
    this.#faults = faults;
    this.#edges = stages.map(() => []);
  }

  /** Takes up the edge at `path`. */
  addEdge(edge: Edge, path: string): void {
    const from = this.#stage(edge.fromStage, `${path}.from_stage`);
    const to = this.#stage(edge.toStage, `${path}.to_stage`);
    const condition = this.#conditions.compile(
      edge.condition,
      `${path}.condition`,
    );
    if (from === undefined || to === undefined) return;
    if (this.#edges[from]!.some(({ target }) => target === to)) {
      this.#faults.say(
        path,
        `must be the only edge from "${edge.fromStage}" to "${edge.toStage}": ` +
          "join the conditions with or",
      );
      return;
    }
    this.#edges[from]!.push({ target: to, condition });
  }

  /** The stages that edges lead to, by the stage they start from. */
  get edgeTargets(): number[][] {
    return this.#edges.map((edges) => edges.map(({ target }) => target));
  }

  /** The stages that records may go to, by the stage they come from; after all `routes`. */
  get targets(): number[][] {
    return this.edgeTargets.map((targets, stage) =>
      this.#ruleTargets.get(stage) ?? targets
    );
  }

  /** Where records go from the stage with this index, found at `path`; after all edges. */
  routes(stage: number, path: string): StageRoutes {
    const { routingRules } = this.#stages[stage]!;
    if (routingRules.length === 0) return simplestEdges(this.#edges[stage]!);
    if (routingRules.length > stageRulesMax) {
      this.#faults.add(
        `${path}.routing_rules`,
        `must be at most ${stageRulesMax}`,
        routingRules.length,
      );
      return { kind: "fixed", targets: [] };
    }
    const rules = routingRules.map((rule, i) => ({
      priority: rule.priority,
      targets: this.#targets(rule, stage, `${path}.routing_rules[${i}]`),
      condition: this.#conditions.compile(
        rule.condition,
        `${path}.routing_rules[${i}].condition`,
      ),
    }));
    this.#ruleTargets.set(stage, rules.flatMap(({ targets }) => targets));
    // The sort is stable: equal priorities stay in the order of the list.
    rules.sort((a, b) => b.priority - a.priority);
    return simplestRules(
      rules.map(({ targets, condition }) => ({ targets, condition })),
    );
  }

  #targets(rule: RoutingRule, stage: number, path: string): number[] {
    if (rule.targetStages.length === 0) {
      this.#faults.say(
        `${path}.target_stages`,
        "must name at least one stage, found none",
      );
    }
    if (rule.targetStages.length > this.#stages.length) {
      this.#faults.add(
        `${path}.target_stages`,
        `must be at most the ${this.#stages.length} stages that there are`,
        rule.targetStages.length,
      );
      return [];
    }
    const targets = new Set<number>();
    rule.targetStages.forEach((id, i) => {
      const field = `${path}.target_stages[${i}]`;
      const target = this.#stage(id, field);
      if (target === undefined) return;
      if (targets.has(target)) {
        this.#faults.add(field, "must be named once in a rule", id);
      }
      targets.add(target);
      if (!this.#edges[stage]!.some((edge) => edge.target === target)) {
        const from = this.#stages[stage]!.id;
        this.#faults.add(
          field,
          `must be where an edge leads from "${from}": add an edge to it`,
          id,
        );
      }
    });
    return [...targets];
  }

  #stage(id: string, path: string): number | undefined {
    const index = this.#indexes.get(id);
    if (index === undefined) {
      this.unresolved = true;
      const hint = this.#hint(id);
      this.#faults.add(path, `must be the id of a stage${hint}`, id);
    }
    return index;
  }

  /** The stage that was probably meant: a comparison of all names, so for the first faults only. */
  #hint(id: string): string {
    if (this.#hintsLeft === 0 || id.length > hintCharsMax) return "";
    this.#hintsLeft--;
    const meant = nearest(id, this.#indexes.keys());
    return meant === undefined ? "" : `, such as "${meant}"`;
  }
}

function simplestEdges(edges: readonly CompiledEdge[]): StageRoutes {
  const open = edges.filter(({ condition }) => condition !== never);
  if (open.some(({ condition }) => condition !== always)) {
    return { kind: "edges", edges: open };
  }
  return { kind: "fixed", targets: open.map(({ target }) => target) };
}

function simplestRules(all: readonly CompiledRule[]): StageRoutes {
  const rules = all.filter(({ condition }) => condition !== never);
  const last = rules.findIndex(({ condition }) => condition === always);
  if (last >= 0) rules.length = last + 1;
  if (last === 0) return { kind: "fixed", targets: rules[0]!.targets };
  return { kind: "rules", rules };
}
