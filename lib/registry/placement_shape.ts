/**
 * What placement has in common for all pipelines that go through the same services in the same way,
 * whatever their ids: which sidecars have which stage, and which of them run what they ran. It is
 * found out once for all of them, so that a sidecar that comes or goes costs each only what it
 * changes there.
 */
import type {
  ChangedSidecars,
  PlaceableSidecar,
  PlaceableStage,
  SidecarsWith,
} from "./placement.ts";

const sourceType = 1;

/** By the stages, which a pipeline keeps from one placing to the next. */
const keys = new WeakMap<readonly PlaceableStage[], string>();

/** What pipelines of one shape share. */
export function shapeKeyOf(stages: readonly PlaceableStage[]): string {
  let key = keys.get(stages);
  if (key === undefined) {
    const parts = stages.map(({ id, stageType, service, next }) => [
      id,
      stageType,
      service,
      next,
    ]);
    keys.set(stages, key = JSON.stringify(parts));
  }
  return key;
}

/** Stages go by their place in the pipeline. */
export class PlacementShape {
  /** By stage: the stages after it. */
  readonly next: readonly (readonly number[])[];
  /** By stage: the sidecars that have its service, in order of their id. */
  readonly having: readonly (readonly PlaceableSidecar[])[];
  /** By stage: those that changed and had its service, as they were. */
  readonly had: readonly (readonly PlaceableSidecar[])[];
  /** Stages whose service a sidecar that changed has or had. */
  readonly moved: readonly number[];
  /** Sidecars that run what they ran, whatever the others do. */
  readonly settled: ReadonlySet<PlaceableSidecar>;
  /** By stage: the others where records come in. */
  readonly starts: readonly ReadonlySet<PlaceableSidecar>[];
  readonly #stages: readonly PlaceableStage[];
  readonly #having: readonly ReadonlySet<PlaceableSidecar>[];
  readonly #changed: ChangedSidecars | undefined;

  /** `changed` undefined: nothing is known of what was. */
  constructor(
    stages: readonly PlaceableStage[],
    sidecarsWith: SidecarsWith,
    changed: ChangedSidecars | undefined,
  ) {
    const places = new Map(stages.map((stage, place) => [stage.id, place]));
    const before = [...changed?.values() ?? []]
      .filter((each) => each !== undefined);
    this.#stages = stages;
    this.#changed = changed;
    this.next = stages.map(({ next }) =>
      next.flatMap((id) => places.get(id) ?? [])
    );
    this.having = stages.map(({ service, stageType }) =>
      sidecarsWith(service, stageType)
    );
    this.#having = this.having.map((each) => new Set(each));
    this.had = stages.map(({ service, stageType }) =>
      before.filter((each) =>
        each.localEndpoint(service, stageType) !== undefined
      )
    );
    this.moved = [...stages.keys()].filter((place) =>
      this.had[place]!.length > 0 ||
      !this.having[place]!.every((each) => this.isUnchanged(each))
    );
    const starts = this.#starts();
    this.settled = this.#settledOf(starts);
    this.starts = starts.map((each) => each.difference(this.settled));
  }

  /** Whether a sidecar has a stage. */
  has(sidecar: PlaceableSidecar, place: number): boolean {
    return this.#having[place]!.has(sidecar);
  }

  /** Whether a sidecar is known to be as it was. */
  isUnchanged({ id }: PlaceableSidecar): boolean {
    return this.#changed !== undefined && !this.#changed.has(id);
  }

  #starts(): Set<PlaceableSidecar>[] {
    const starts = this.next.map(() => new Set<PlaceableSidecar>());
    this.#stages.forEach(({ stageType }, place) => {
      if (stageType !== sourceType) return;
      const isPushed = this.having[place]!.length === 0;
      for (const first of isPushed ? this.next[place]! : [place]) {
        for (const each of this.having[first]!) starts[first]!.add(each);
      }
    });
    return starts;
  }

  /**
   * Those of the first that have not changed, and have all stages which any has or had. They were
   * first before, as no other had a source that they have not, and they hand on to nobody.
   */
  #settledOf(starts: readonly Set<PlaceableSidecar>[]): Set<PlaceableSidecar> {
    const settled = new Set<PlaceableSidecar>();
    const known = [...this.#stages.keys()].filter((place) =>
      this.having[place]!.length + this.had[place]!.length > 0
    );
    for (const sidecar of starts.flatMap((each) => [...each])) {
      if (!this.isUnchanged(sidecar)) continue;
      if (known.every((place) => this.has(sidecar, place))) {
        settled.add(sidecar);
      }
    }
    return settled;
  }
}
