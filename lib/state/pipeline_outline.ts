/**
 * What the state reads of a pipeline's configuration: its stages, which services they select, and
 * which stage comes after which. Where a configuration has a circle, which lib/routing refuses, the
 * steps that would close it are left out: no walk over an outline can be endless.
 */
import { codecOf } from "../../proto/codec.ts";
import type {
  PipelineConfig,
  Stage,
  StageType,
} from "../../proto/messages/router.ts";
import type { Pipeline } from "../../proto/messages/state.ts";
import { schema } from "../../proto/schema.ts";
import { WireError } from "../../proto/wire.ts";

/** A stage, as far as the state knows it. */
export interface StageOutline {
  readonly id: string;
  readonly stageType: StageType;
  /** Name of the service that it selects. */
  readonly service: string;
  /** Group that it selects members of; empty: none. */
  readonly groupId: string;
  /** Labels that its services have. */
  readonly labels: { readonly [name: string]: string };
  /** Lanes; 0: not said. */
  readonly parallelism: number;
  /** Ids of the stages that its records may go to next. */
  readonly next: readonly string[];
}

/** A pipeline, as far as the state knows it. */
export interface PipelineOutline {
  readonly id: string;
  /** Each before all that come after it. */
  readonly stages: readonly StageOutline[];
}

const codec = codecOf<PipelineConfig>(
  schema.lookupType("conveyor.router.PipelineConfig"),
);

/** By the bytes of the configuration, which a pipeline keeps from update to update. */
const outlines = new WeakMap<Uint8Array, PipelineOutline>();

/** The outline of a pipeline; one without stages when its configuration cannot be read. */
export function outlineOf(
  { pipelineId, config }: Pick<Pipeline, "pipelineId" | "config">,
): PipelineOutline {
  let outline = outlines.get(config);
  if (!outline) {
    outlines.set(config, outline = { id: pipelineId, stages: read(config) });
  }
  return outline;
}

function read(config: Uint8Array): StageOutline[] {
  try {
    const { stages, edges } = codec.decode(config);
    const next = new Map<string, Set<string>>();
    for (const { id } of stages) next.set(id, new Set());
    for (const { fromStage, toStage } of edges) {
      if (next.has(toStage)) next.get(fromStage)?.add(toStage);
    }
    return inOrder(stages, next);
  } catch (error) {
    if (error instanceof WireError) return [];
    throw error;
  }
}

/** The stages, each before all that come after it, without steps back. */
function inOrder(
  stages: readonly Stage[],
  next: ReadonlyMap<string, ReadonlySet<string>>,
): StageOutline[] {
  const before = new Map(stages.map(({ id }) => [id, 0]));
  for (const ids of next.values()) {
    for (const id of ids) before.set(id, before.get(id)! + 1);
  }
  const byId = new Map(stages.map((stage) => [stage.id, stage]));
  const order = [...byId.keys()].filter((id) => before.get(id) === 0);
  // Grows while it is walked.
  for (const id of order) {
    for (const after of next.get(id)!) {
      before.set(after, before.get(after)! - 1);
      if (before.get(after) === 0) order.push(after);
    }
  }
  // What is left lies on or behind a circle.
  const place = new Map(order.map((id, i) => [id, i]));
  for (const id of byId.keys()) if (!place.has(id)) place.set(id, place.size);
  return [...place.keys()].map((id) => ({
    ...partsOf(byId.get(id)!),
    next: [...next.get(id)!].filter((to) => place.get(to)! > place.get(id)!),
  }));
}

function partsOf(stage: Stage): Omit<StageOutline, "next"> {
  const { id, stageType, serviceSelector, parallelism } = stage;
  return {
    id,
    stageType,
    service: serviceSelector?.serviceName ?? "",
    groupId: serviceSelector?.groupId ?? "",
    labels: serviceSelector?.labels ?? {},
    parallelism,
  };
}
