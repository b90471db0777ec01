/**
 * Which sidecars run a pipeline, and where each of them sends its records on to: a pure function of
 * the pipelines and sidecars that there are, so that every node decides alike.
 *
 * A pipeline starts at every sidecar whose pod has the source. From a stage, records go on in the
 * same pod where that has the next stage's service; otherwise to the sidecar that rendezvous hashing
 * gives this pipeline, stage and sender, which spreads senders over receivers and moves little when
 * a sidecar comes or goes. Where no sidecar has the source it is a process that only pushes: it may
 * push to any pod that has a stage after it.
 *
 * A stage whose service no sidecar has stays without a place: its records wait there, like for any
 * service that is away.
 *
 * When a sidecar comes or goes, what the others run is made anew only where it can hang on that one:
 * many pipelines over many sidecars would otherwise hold up the node each time.
 */
import type {
  PipelineAssignment,
  StageAssignment,
} from "../../proto/messages/sidecar.ts";
import { PlacementShape, shapeKeyOf } from "./placement_shape.ts";
import { chooseByRendezvous, hashPair, hashText } from "./rendezvous.ts";

/** A stage, as far as its place depends on it. */
export interface PlaceableStage {
  readonly id: string;
  /** Number of conveyor.router.StageType. */
  readonly stageType: number;
  /** Name of the service that the stage uses. */
  readonly service: string;
  /** Ids of the stages that its records may go to next. */
  readonly next: readonly string[];
}

/** A pipeline, as far as its places depend on it. */
export interface PlaceablePipeline {
  readonly id: string;
  readonly version: number;
  /** Each before all that come after it: `next` names later ones only. */
  readonly stages: readonly PlaceableStage[];
}

/** A sidecar that may run stages. */
export interface PlaceableSidecar {
  readonly id: string;
  /** hashText(id). */
  readonly hash: number;
  /** Where others reach it. */
  readonly endpoint: string;
  /** Where it reaches its service of that name; undefined: it has none that works. */
  localEndpoint(service: string, stageType: number): string | undefined;
}

/** The sidecars that have a service that works, in order of their id. */
export type SidecarsWith = (
  service: string,
  stageType: number,
) => readonly PlaceableSidecar[];

/** Sidecars that are no longer as they were: by id, as they were; undefined: there was none. */
export type ChangedSidecars = ReadonlyMap<string, PlaceableSidecar | undefined>;

/** The assignments that a pipeline has, by the sidecar's id. */
export type HeldAssignments = ReadonlyMap<
  string,
  { readonly assignment: Readonly<PipelineAssignment> }
>;

/** What leads from the assignments that a pipeline has to those that it is to have. */
export interface Moves {
  /** Ids of the sidecars that run nothing of it any more, in order. */
  readonly revoked: readonly string[];
  /** Assignments that are new or say something else, by the sidecar's id, in order. */
  readonly placed: ReadonlyMap<string, PipelineAssignment>;
}

/** Places pipelines, all by the same sidecars. */
export class Placement {
  readonly #sidecarsWith: SidecarsWith;
  readonly #changed: ChangedSidecars | undefined;
  readonly #shapes: Map<string, PlacementShape> = new Map();

  /**
   * `changed` are all sidecars that changed since the assignments were made that the pipelines have:
   * what cannot hang on them is then not looked at. Undefined: it may be the pipelines that changed.
   * Both lead to the same.
   */
  constructor(sidecarsWith: SidecarsWith, changed?: ChangedSidecars) {
    this.#sidecarsWith = sidecarsWith;
    this.#changed = changed;
  }

  /** How the assignments of a pipeline move. */
  moves(
    pipeline: PlaceablePipeline,
    held: HeldAssignments = new Map(),
  ): Moves {
    const { stages } = pipeline;
    const key = shapeKeyOf(stages);
    let shape = this.#shapes.get(key);
    if (!shape) {
      shape = new PlacementShape(stages, this.#sidecarsWith, this.#changed);
      this.#shapes.set(key, shape);
    }
    return new Route(pipeline, shape).moves(held);
  }
}

/** The ways of one pipeline over the sidecars. Stages go by their place in the pipeline. */
class Route {
  readonly #pipeline: PlaceablePipeline;
  readonly #shape: PlacementShape;
  readonly #keys: readonly number[];

  constructor(pipeline: PlaceablePipeline, shape: PlacementShape) {
    const key = hashText(pipeline.id);
    this.#pipeline = pipeline;
    this.#shape = shape;
    this.#keys = pipeline.stages.map(({ id }) => hashPair(key, hashText(id)));
  }

  moves(held: HeldAssignments): Moves {
    const found = this.#participants();
    const placed: [string, PipelineAssignment][] = [];
    let kept = this.#shape.settled.size;
    for (const sidecar of found) {
      const before = held.get(sidecar.id);
      if (before) kept++;
      if (before && this.#stays(sidecar)) continue;
      const assignment = this.#seenFrom(sidecar);
      if (before && isSameAssignment(before.assignment, assignment)) continue;
      placed.push([sidecar.id, assignment]);
    }
    placed.sort(([a], [b]) => a < b ? -1 : 1);
    const revoked = held.size === kept ? [] : this.#without(held, found);
    return { revoked, placed: new Map(placed) };
  }

  /** Those of the held ones that take no part any more. */
  #without(
    held: HeldAssignments,
    found: ReadonlySet<PlaceableSidecar>,
  ): string[] {
    const still = found.union(this.#shape.settled);
    const ids = new Set(still.values().map(({ id }) => id));
    return [...held.keys()].filter((id) => !ids.has(id)).sort();
  }

  /** Those that records come by, from the sources on, but for those that are settled. */
  #participants(): Set<PlaceableSidecar> {
    const found = new Set<PlaceableSidecar>();
    const { next, settled, starts } = this.#shape;
    // A stage hands on to later ones only, so that one pass over the stages finds all.
    const running = starts.map((each) => new Set(each));
    running.forEach((sidecars, place) => {
      for (const sidecar of sidecars) {
        found.add(sidecar);
        for (const after of next[place]!) {
          const target = this.#target(sidecar, after);
          if (target && !settled.has(target)) running[after]!.add(target);
        }
      }
    });
    return found;
  }

  /** Whether a sidecar finds all stages where it found them: no when in doubt. */
  #stays(sidecar: PlaceableSidecar): boolean {
    const shape = this.#shape;
    return shape.isUnchanged(sidecar) && shape.moved.every((place) => {
      if (shape.has(sidecar, place)) return true;
      const target = this.#target(sidecar, place);
      if (!target || !shape.isUnchanged(target)) return false;
      const rivals = [...shape.had[place]!, target];
      return chooseByRendezvous(this.#keyOf(sidecar, place), rivals) === target;
    });
  }

  /** All stages, with where a sidecar finds them. */
  #seenFrom(sidecar: PlaceableSidecar): PipelineAssignment {
    let isLocalComplete = true;
    const stages = this.#pipeline.stages.map((stage, place) => {
      const { id: stageId, stageType, service: serviceName, next } = stage;
      const assignment: StageAssignment = {
        stageId,
        stageType,
        serviceName,
        nextStages: [...next],
      };
      const target = this.#target(sidecar, place);
      if (target === sidecar) {
        assignment.localEndpoint = sidecar.localEndpoint(
          serviceName,
          stageType,
        );
        return assignment;
      }
      isLocalComplete = false;
      if (target) {
        const { id: sidecarId, endpoint } = target;
        assignment.remoteSidecar = { sidecarId, endpoint };
      }
      return assignment;
    });
    const { id: pipelineId, version } = this.#pipeline;
    const pipelineVersion = BigInt(version);
    return { pipelineId, isLocalComplete, stages, pipelineVersion };
  }

  /** Where records of a sidecar go on to for a stage. */
  #target(
    sidecar: PlaceableSidecar,
    place: number,
  ): PlaceableSidecar | undefined {
    if (this.#shape.has(sidecar, place)) return sidecar;
    return chooseByRendezvous(
      this.#keyOf(sidecar, place),
      this.#shape.having[place]!,
    );
  }

  #keyOf(sidecar: PlaceableSidecar, place: number): number {
    return hashPair(this.#keys[place]!, sidecar.hash);
  }
}

/** Whether two assignments say the same. */
export function isSameAssignment(
  a: PipelineAssignment,
  b: PipelineAssignment,
): boolean {
  return a.pipelineId === b.pipelineId &&
    a.pipelineVersion === b.pipelineVersion &&
    a.isLocalComplete === b.isLocalComplete &&
    a.stages.length === b.stages.length &&
    a.stages.every((stage, i) => isSameStage(stage, b.stages[i]!));
}

function isSameStage(a: StageAssignment, b: StageAssignment): boolean {
  return a.stageId === b.stageId && a.stageType === b.stageType &&
    a.serviceName === b.serviceName && a.localEndpoint === b.localEndpoint &&
    a.remoteSidecar?.sidecarId === b.remoteSidecar?.sidecarId &&
    a.remoteSidecar?.endpoint === b.remoteSidecar?.endpoint &&
    a.nextStages.length === b.nextStages.length &&
    a.nextStages.every((next, i) => next === b.nextStages[i]);
}
