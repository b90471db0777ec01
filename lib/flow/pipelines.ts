/** The pipelines that run on this node, each in its versions. */
import type { CompiledPipeline } from "../routing/types.ts";
import type { FlowContext } from "./flow_context.ts";
import type { PipelineRun } from "./pipeline_run.ts";
import { PipelineVersions } from "./pipeline_versions.ts";
import type { Source, Taker } from "./sources.ts";

/** All pipelines. */
export class Pipelines {
  readonly #context: FlowContext;
  /** Those that take records, or have some. */
  readonly #versions: Map<string, PipelineVersions> = new Map();
  /** Ids of those that take records, by the names that their source stages select. */
  readonly #bySourceName: Map<string, Set<string>> = new Map();
  /** Rises when a source may have other takers than before. */
  #version = 0;

  constructor(context: FlowContext) {
    this.#context = context;
  }

  /** Of all that take records. */
  get ids(): readonly string[] {
    return [...this.#versions]
      .filter(([, { active }]) => active !== undefined)
      .map(([id]) => id);
  }

  /** Of those of which a stage waits, in any version. */
  get troubledIds(): readonly string[] {
    return [...this.#versions]
      .filter(([, { active, runs }]) =>
        active !== undefined && runs.some(({ troubled }) => troubled)
      )
      .map(([id]) => id);
  }

  /** The version that takes records. */
  get(pipelineId: string): PipelineRun | undefined {
    return this.#versions.get(pipelineId)?.active;
  }

  /** All versions of a pipeline, the newest first. */
  runsOf(pipelineId: string): readonly PipelineRun[] {
    return this.#versions.get(pipelineId)?.runs.toReversed() ?? [];
  }

  /** Takes records by this version from now on. */
  set(pipeline: CompiledPipeline): void {
    let versions = this.#versions.get(pipeline.id);
    if (versions === undefined) {
      versions = new PipelineVersions(this.#context);
      this.#versions.set(pipeline.id, versions);
    }
    this.#unindex(versions.active);
    versions.set(pipeline);
    for (const name of sourceNames(pipeline)) {
      const ids = this.#bySourceName.get(name);
      if (ids) ids.add(pipeline.id);
      else this.#bySourceName.set(name, new Set([pipeline.id]));
    }
    this.#version++;
  }

  /** Takes no more records; resolves when those in any version of it are settled. */
  async remove(pipelineId: string): Promise<void> {
    const versions = this.#versions.get(pipelineId);
    if (versions === undefined) return;
    this.#unindex(versions.active);
    versions.remove();
    this.#version++;
    await this.settled(pipelineId);
    if (versions.runs.length > 0) return;
    if (this.#versions.get(pipelineId) !== versions) return;
    this.#versions.delete(pipelineId);
  }

  /** Gives up the records in all versions of it. One that takes records goes on with those to come. */
  giveUp(pipelineId: string): void {
    this.#versions.get(pipelineId)?.giveUp();
    this.#version++;
  }

  /** The source stages that take the records of `source`. */
  takersOf(source: Source): readonly Taker[] {
    if (source.takersVersion === this.#version) return source.takers;
    const { sourceId } = source.account;
    const registered = this.#context.ports.services.source(sourceId);
    // Those that may: a selector without a name may mean any source.
    const ids = [sourceId, registered?.name ?? sourceId, ""]
      .flatMap((name) => [...this.#bySourceName.get(name) ?? []]);
    source.takersVersion = this.#version;
    source.takers = [...new Set(ids)].flatMap((id) => {
      const run = this.get(id)!;
      return run.entriesOf(sourceId, registered)
        .map((stage) => ({ run, stage }));
    });
    return source.takers;
  }

  /** Services have come or gone. */
  servicesChanged(): void {
    this.#version++;
    for (const run of this.#all()) run.servicesChanged();
  }

  /** Looks whether a version that was replaced holds up the next; from time to time. */
  look(): void {
    for (const versions of this.#versions.values()) versions.look();
  }

  /** Resolves when no record is in any version of the pipeline; or in any pipeline. */
  async settled(pipelineId?: string): Promise<void> {
    const runs = pipelineId === undefined
      ? [...this.#all()]
      : this.runsOf(pipelineId);
    await Promise.all(
      runs.map((run) => new Promise<void>((over) => run.whenOver(over))),
    );
  }

  /** Stops without a word to the records under way. */
  close(): void {
    for (const run of this.#all()) run.close();
  }

  #unindex(run: PipelineRun | undefined): void {
    if (run === undefined) return;
    for (const name of sourceNames(run.pipeline)) {
      const ids = this.#bySourceName.get(name)!;
      ids.delete(run.pipeline.id);
      if (ids.size === 0) this.#bySourceName.delete(name);
    }
  }

  *#all(): Iterable<PipelineRun> {
    for (const { runs } of this.#versions.values()) yield* runs;
  }
}

function sourceNames({ sources }: CompiledPipeline): ReadonlySet<string> {
  return new Set(sources.map(({ selector }) => selector.serviceName));
}
