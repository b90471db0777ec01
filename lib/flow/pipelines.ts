/**
 * The pipelines that run on this node. A pipeline that is replaced takes no more records, and lives
 * on until those in it are settled; the new version takes what comes from then on.
 */
import type { CompiledPipeline } from "../routing/types.ts";
import type { FlowContext } from "./flow_context.ts";
import { PipelineRun } from "./pipeline_run.ts";
import { takesSource } from "./source_match.ts";
import type { Source, Taker } from "./sources.ts";

/** All pipelines. */
export class Pipelines {
  readonly #context: FlowContext;
  /** The version of each that takes records. */
  readonly #active: Map<string, PipelineRun> = new Map();
  /** Versions that have records and take no more, by pipeline. */
  readonly #retired: Map<string, Set<PipelineRun>> = new Map();
  /** Rises when a source may have other takers than before. */
  #version = 0;

  constructor(context: FlowContext) {
    this.#context = context;
  }

  /** Of all that take records. */
  get ids(): readonly string[] {
    return [...this.#active.keys()];
  }

  /** The version that takes records. */
  get(pipelineId: string): PipelineRun | undefined {
    return this.#active.get(pipelineId);
  }

  /** All versions of a pipeline, the one that takes records first. */
  runsOf(pipelineId: string): readonly PipelineRun[] {
    const active = this.#active.get(pipelineId);
    const retired = this.#retired.get(pipelineId) ?? [];
    return active === undefined ? [...retired] : [active, ...retired];
  }

  /** Takes records by this version from now on. */
  set(pipeline: CompiledPipeline): void {
    void this.remove(pipeline.id);
    this.#active.set(pipeline.id, new PipelineRun(this.#context, pipeline));
    this.#version++;
  }

  /** Takes no more records; resolves when those in any version of it are settled. */
  async remove(pipelineId: string): Promise<void> {
    const active = this.#active.get(pipelineId);
    if (active !== undefined) {
      this.#active.delete(pipelineId);
      this.#version++;
      this.#retire(pipelineId, active);
    }
    await Promise.all(
      [...this.#retired.get(pipelineId) ?? []].map((run) => run.whenOver()),
    );
  }

  /** Gives up the records in all versions of it. One that takes records goes on with those to come. */
  giveUp(pipelineId: string): void {
    const runs = this.runsOf(pipelineId);
    const active = this.#active.get(pipelineId);
    if (active !== undefined) this.set(active.pipeline);
    for (const run of runs) run.giveUp();
  }

  /** The source stages that take the records of `source`. */
  takersOf(source: Source): readonly Taker[] {
    if (source.takersVersion === this.#version) return source.takers;
    const { sourceId } = source.account;
    const registered = this.#context.ports.services.source(sourceId);
    source.takersVersion = this.#version;
    source.takers = [...this.#active.values()].flatMap((run) =>
      run.pipeline.sources
        .filter(({ selector }) => takesSource(selector, sourceId, registered))
        .map(({ index }) => ({ run, stage: index }))
    );
    return source.takers;
  }

  /** Services have come or gone. */
  servicesChanged(): void {
    this.#version++;
    for (const run of this.#all()) run.servicesChanged();
  }

  /** Resolves when no record is in any pipeline. */
  async settled(): Promise<void> {
    await Promise.all([...this.#all()].map((run) => run.whenOver()));
  }

  /** Stops without a word to the records under way. */
  close(): void {
    for (const run of this.#all()) run.close();
  }

  *#all(): Iterable<PipelineRun> {
    yield* this.#active.values();
    for (const runs of this.#retired.values()) yield* runs;
  }

  #retire(pipelineId: string, run: PipelineRun): void {
    let runs = this.#retired.get(pipelineId);
    if (runs === undefined) {
      runs = new Set();
      this.#retired.set(pipelineId, runs);
    }
    runs.add(run);
    const forget = (): void => {
      runs.delete(run);
      if (runs.size > 0 || this.#retired.get(pipelineId) !== runs) return;
      this.#retired.delete(pipelineId);
    };
    run.whenOver().then(forget);
  }
}
