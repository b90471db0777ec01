/**
 * Decides whether a pipeline is valid, and compiles it. All faults are told at once, each with the
 * path of the field, the rule, and what was found, so that mending them is one round and not many.
 */
import type { FieldViolation } from "../errors.ts";
import {
  deadLetterAgeMsMax,
  pipelineEdgesMax,
  pipelineStagesMax,
} from "../limits.ts";
import type { PipelineConfig } from "../../proto/messages/router.ts";
import { ConditionCompiler } from "./condition.ts";
import { Faults } from "./faults.ts";
import { cycles, reachable, reversed, topologicalOrder } from "./graph.ts";
import { SettingReader } from "./setting_reader.ts";
import { RouteCompiler } from "./stage_routes.ts";
import { stageSettings, type UnroutedStage } from "./stage_settings.ts";
import type {
  CompiledPipeline,
  CompiledStage,
  DeadLetterSettings,
} from "./types.ts";

/** A compiled pipeline, or what is wrong with it. */
export type PipelineResult =
  | { readonly kind: "valid"; readonly pipeline: CompiledPipeline }
  | { readonly kind: "invalid"; readonly faults: readonly FieldViolation[] };

const unroutedPolicies = ["filter", "dead_letter"] as const;

/** Compiles `config`. An empty id is no fault: the router makes one when the pipeline is added. */
export function compilePipeline(config: PipelineConfig): PipelineResult {
  const faults = new Faults();
  if (tooLarge(config, faults)) return invalid(faults);
  const read = new SettingReader(faults);
  read.name("id", config.id, false);
  const deadLetter = deadLetterSettings(config, read);
  const unrouted = read.choice("unrouted", config.unrouted, unroutedPolicies);

  const indexes = stageIndexes(config, faults);
  const settings = config.stages.map((stage, i) =>
    stageSettings(stage, i, `stages[${i}]`, faults)
  );
  const conditions = new ConditionCompiler(faults);
  const compiler = new RouteCompiler(
    config.stages,
    indexes,
    conditions,
    faults,
  );
  config.edges.forEach((edge, i) => compiler.addEdge(edge, `edges[${i}]`));
  const routes = settings.map((_, i) => compiler.routes(i, `stages[${i}]`));

  checkEnds(config, settings, faults);
  checkCycles(config, indexes, compiler.edgeTargets, faults);
  // A misspelt id would make a stage seem unreachable that it was meant for: one fault, not two.
  if (!compiler.unresolved && indexes.size === config.stages.length) {
    checkPaths(config, settings, compiler.targets, faults);
  }
  if (!faults.none) return invalid(faults);

  const stages = settings.map((stage, i) => ({
    ...stage!,
    routes: routes[i]!,
  })) as readonly CompiledStage[];
  return {
    kind: "valid",
    pipeline: {
      id: config.id,
      stages,
      sources: stages.filter((stage) => stage.kind === "source"),
      sinks: stages.filter((stage) => stage.kind === "sink"),
      order: topologicalOrder(compiler.edgeTargets)!,
      unrouted,
      deadLetter,
      metadataKeys: conditions.metadataKeys,
    },
  };
}

function invalid(faults: Faults): PipelineResult {
  return { kind: "invalid", faults: faults.list() };
}

/** A pipeline beyond these bounds is not looked into: it could take for ever. */
function tooLarge(config: PipelineConfig, faults: Faults): boolean {
  const { stages, edges } = config;
  if (stages.length > pipelineStagesMax) {
    faults.add("stages", `must be at most ${pipelineStagesMax}`, stages.length);
  }
  if (edges.length > pipelineEdgesMax) {
    faults.add("edges", `must be at most ${pipelineEdgesMax}`, edges.length);
  }
  return !faults.none;
}

function deadLetterSettings(
  { deadLetter: policy }: PipelineConfig,
  read: SettingReader,
): DeadLetterSettings {
  return {
    sinkService: read.name(
      "dead_letter.sink_service",
      policy?.sinkService ?? "",
      false,
    ),
    recordsMax: policy?.maxRecords || undefined,
    ageMsMax: read.timeMs(
      "dead_letter.max_age",
      policy?.maxAge,
      undefined,
      1,
      deadLetterAgeMsMax,
    ),
  };
}

/** The indexes of the stages by their ids. */
function stageIndexes(
  { stages }: PipelineConfig,
  faults: Faults,
): Map<string, number> {
  const read = new SettingReader(faults);
  const indexes = new Map<string, number>();
  stages.forEach(({ id }, i) => {
    read.name(`stages[${i}].id`, id, true);
    // A sink that is pulled from is the source "<pipeline id>/<stage id>": the last slash divides.
    if (id.includes("/")) {
      faults.add(`stages[${i}].id`, 'must not contain "/"', id);
    }
    const first = indexes.get(id);
    if (first !== undefined) {
      faults.add(
        `stages[${i}].id`,
        `must be unique, but stages[${first}] has it too`,
        id,
      );
    } else if (id !== "") indexes.set(id, i);
  });
  return indexes;
}

/** Sources have nothing before them and sinks nothing after them, and there are both. */
function checkEnds(
  config: PipelineConfig,
  settings: readonly (UnroutedStage | undefined)[],
  faults: Faults,
): void {
  for (const kind of ["source", "sink"] as const) {
    if (!settings.some((stage) => stage?.kind === kind)) {
      faults.say("stages", `must have at least one ${kind} stage, found none`);
    }
  }
  const idsOf = (kind: "source" | "sink"): Set<string> =>
    new Set(
      settings.flatMap((stage) => stage?.kind === kind ? [stage.id] : []),
    );
  const sources = idsOf("source");
  const sinks = idsOf("sink");
  config.edges.forEach(({ fromStage, toStage }, i) => {
    if (sources.has(toStage)) {
      faults.add(
        `edges[${i}].to_stage`,
        "must not be a source: nothing leads to it",
        toStage,
      );
    }
    if (sinks.has(fromStage)) {
      faults.add(
        `edges[${i}].from_stage`,
        "must not be a sink: nothing comes out of it",
        fromStage,
      );
    }
  });
}

function checkCycles(
  config: PipelineConfig,
  indexes: ReadonlyMap<string, number>,
  edgeTargets: readonly (readonly number[])[],
  faults: Faults,
): void {
  for (const cycle of cycles(edgeTargets)) {
    const ids = [...cycle, cycle[0]!].map((i) => config.stages[i]!.id);
    const edge = config.edges.findIndex(({ fromStage, toStage }) =>
      indexes.get(fromStage) === cycle.at(-1) &&
      indexes.get(toStage) === cycle[0]
    );
    faults.say(
      `edges[${edge}]`,
      `must not close a cycle, found ${
        ids.join(" -> ")
      }: records would go round for ever`,
    );
  }
}

/** Every stage is on a way from a source to a sink. What is missing at the ends is told elsewhere. */
function checkPaths(
  config: PipelineConfig,
  settings: readonly (UnroutedStage | undefined)[],
  targets: readonly (readonly number[])[],
  faults: Faults,
): void {
  const indexesOf = (kind: "source" | "sink"): number[] =>
    settings.flatMap((stage, i) => stage?.kind === kind ? [i] : []);
  const sources = indexesOf("source");
  const sinks = indexesOf("sink");
  const fromSource = reachable(targets, sources);
  const toSink = reachable(reversed(targets), sinks);
  config.stages.forEach(({ id, routingRules }, i) => {
    const how = routingRules.length > 0 ? "its routing rules" : "its edges";
    if (sources.length > 0 && !fromSource.has(i)) {
      faults.add(
        `stages[${i}]`,
        "must be on a way from a source: no edge or rule that starts at one leads to it",
        id,
      );
    }
    if (sinks.length > 0 && !toSink.has(i)) {
      faults.add(
        `stages[${i}]`,
        `must be on a way to a sink: by ${how} its records reach none`,
        id,
      );
    }
  });
}
