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

/** The ways of one pipeline over the sidecars. Stages go by their place in the pipeline. */
class Route {
  readonly #pipeline: PlaceablePipeline;
  /** By stage: the stages after it. */
  readonly #next: readonly (readonly number[])[];
  /** By stage: the sidecars that have its service. */
  readonly #having: readonly (readonly PlaceableSidecar[])[];
  readonly #keys: readonly number[];

  constructor(pipeline: PlaceablePipeline, sidecarsWith: SidecarsWith) {
    const { id, stages } = pipeline;
    const places = new Map(stages.map((stage, place) => [stage.id, place]));
    const key = hashText(id);
    this.#pipeline = pipeline;
    this.#next = stages.map(({ next }) =>
      next.flatMap((id) => places.get(id) ?? [])
    );
    this.#having = stages.map(({ service, stageType }) =>
      sidecarsWith(service, stageType)
    );
    this.#keys = stages.map(({ id }) => hashPair(key, hashText(id)));
  }

  /** Those that records come by, from the sources on, in order of their id. */
  participants(): PlaceableSidecar[] {
    const found = new Map<string, PlaceableSidecar>();
    // A stage hands on to later ones only, so that one pass over the stages finds all.
    const running = this.#starts();
    running.forEach((sidecars, place) => {
      for (const sidecar of sidecars.values()) {
        found.set(sidecar.id, sidecar);
        for (const next of this.#next[place]!) {
          const target = this.#target(sidecar, next);
          if (target) running[next]!.set(target.id, target);
        }
      }
    });
    return [...found.keys()].sort().map((id) => found.get(id)!);
  }

  /** All stages, with where a sidecar finds them. */
  seenFrom(sidecar: PlaceableSidecar): PipelineAssignment {
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

  /** By stage: where records come in. */
  #starts(): Map<string, PlaceableSidecar>[] {
    const { stages } = this.#pipeline;
    const starts = stages.map(() => new Map<string, PlaceableSidecar>());
    stages.forEach(({ stageType }, place) => {
      if (stageType !== sourceType) return;
      const pushed = this.#having[place]!.length === 0;
      for (const first of pushed ? this.#next[place]! : [place]) {
        for (const each of this.#having[first]!) {
          starts[first]!.set(each.id, each);
        }
      }
    });
    return starts;
  }

  /** Where records of a sidecar go on to for a stage. */
  #target(
    sidecar: PlaceableSidecar,
    place: number,
  ): PlaceableSidecar | undefined {
    const { service, stageType } = this.#pipeline.stages[place]!;
    if (sidecar.localEndpoint(service, stageType) !== undefined) return sidecar;
    return chooseByRendezvous(
      hashPair(this.#keys[place]!, sidecar.hash),
      this.#having[place]!,
    );
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
