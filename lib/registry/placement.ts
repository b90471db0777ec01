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
 */
import type {
  PipelineAssignment,
  StageAssignment,
} from "../../proto/messages/sidecar.ts";
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
  /** Each before all that come after it. */
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

const sourceType = 1;

/** What each sidecar that takes part is to run, by its id. */
export function placePipeline(
  pipeline: PlaceablePipeline,
  sidecarsWith: SidecarsWith,
): Map<string, PipelineAssignment> {
  const route = new Route(pipeline, sidecarsWith);
  const assignments = new Map<string, PipelineAssignment>();
  for (const sidecar of route.participants()) {
    assignments.set(sidecar.id, route.seenFrom(sidecar));
  }
  return assignments;
}

/** A stage as it is run by a sidecar. */
interface Step {
  readonly sidecar: PlaceableSidecar;
  readonly stage: PlaceableStage;
}

/** The ways of one pipeline over the sidecars. */
class Route {
  readonly #pipeline: PlaceablePipeline;
  readonly #stages: ReadonlyMap<string, PlaceableStage>;
  /** By stage id: the sidecars that have its service. */
  readonly #having: ReadonlyMap<string, readonly PlaceableSidecar[]>;
  readonly #keys: ReadonlyMap<string, number>;

  constructor(pipeline: PlaceablePipeline, sidecarsWith: SidecarsWith) {
    const { id, stages } = pipeline;
    this.#pipeline = pipeline;
    this.#stages = new Map(stages.map((stage) => [stage.id, stage]));
    this.#having = new Map(
      stages.map((
        { id, service, stageType },
      ) => [id, sidecarsWith(service, stageType)]),
    );
    const key = hashText(id);
    this.#keys = new Map(
      stages.map((stage) => [stage.id, hashPair(key, hashText(stage.id))]),
    );
  }

  /** Those that records come by, from the sources on. */
  participants(): Iterable<PlaceableSidecar> {
    const found = new Map<string, PlaceableSidecar>();
    const steps = this.#starts();
    const seen = new Set<string>();
    // Grows while it is walked; a list and not recursion, since a chain of stages may be long.
    for (const { sidecar, stage } of steps) {
      const step = `${stage.id}\n${sidecar.id}`;
      if (seen.has(step)) continue;
      seen.add(step);
      found.set(sidecar.id, sidecar);
      for (const next of this.#after(stage)) {
        const target = this.#target(sidecar, next);
        if (target) steps.push({ sidecar: target, stage: next });
      }
    }
    return found.values();
  }

  /** All stages, with where a sidecar finds them. */
  seenFrom(sidecar: PlaceableSidecar): PipelineAssignment {
    const stages = this.#pipeline.stages.map((stage) =>
      this.#assignment(sidecar, stage)
    );
    return {
      pipelineId: this.#pipeline.id,
      isLocalComplete: stages.every(({ localEndpoint }) =>
        localEndpoint !== undefined
      ),
      stages,
    };
  }

  /** Where records come in. */
  #starts(): Step[] {
    return this.#pipeline.stages.flatMap((stage) => {
      if (stage.stageType !== sourceType) return [];
      const having = this.#having.get(stage.id)!;
      const first = having.length > 0 ? [stage] : this.#after(stage);
      return first.flatMap((stage) =>
        this.#having.get(stage.id)!.map((sidecar) => ({ sidecar, stage }))
      );
    });
  }

  #after(stage: PlaceableStage): PlaceableStage[] {
    return stage.next.flatMap((id) => this.#stages.get(id) ?? []);
  }

  #assignment(
    sidecar: PlaceableSidecar,
    stage: PlaceableStage,
  ): StageAssignment {
    const { id: stageId, stageType, service: serviceName, next } = stage;
    const assignment: StageAssignment = {
      stageId,
      stageType,
      serviceName,
      nextStages: [...next],
    };
    const target = this.#target(sidecar, stage);
    if (target === sidecar) {
      assignment.localEndpoint = sidecar.localEndpoint(serviceName, stageType);
    } else if (target) {
      const { id: sidecarId, endpoint } = target;
      assignment.remoteSidecar = { sidecarId, endpoint };
    }
    return assignment;
  }

  /** Where records of a sidecar go on to for a stage. */
  #target(
    sidecar: PlaceableSidecar,
    { id, service, stageType }: PlaceableStage,
  ): PlaceableSidecar | undefined {
    if (sidecar.localEndpoint(service, stageType) !== undefined) return sidecar;
    return chooseByRendezvous(
      hashPair(this.#keys.get(id)!, sidecar.hash),
      this.#having.get(id)!,
    );
  }
}

/** Whether two assignments say the same. */
export function isSameAssignment(
  a: PipelineAssignment,
  b: PipelineAssignment,
): boolean {
  return a.pipelineId === b.pipelineId &&
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
