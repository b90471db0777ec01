/**
 * One version of a pipeline at work. Records that enter it finish on it, also after it has been
 * replaced; when none is left it is over. A record has one branch for each place in the pipeline
 * where it, or something made of it, is.
 */
import type { Load, Records } from "../delivery/load.ts";
import { Router } from "../routing/route.ts";
import type { CompiledPipeline } from "../routing/types.ts";
import { noFields } from "./exchange.ts";
import type { FlowContext } from "./flow_context.ts";
import { StageRun } from "./stage_run.ts";

/** A version of a pipeline. */
export class PipelineRun {
  readonly pipeline: CompiledPipeline;
  readonly context: FlowContext;
  readonly stages: readonly StageRun[];
  /** Aborts the calls under way when the pipeline is given up. */
  readonly #abort = new AbortController();
  readonly #router: Router;
  #branches = 0;
  readonly #whenOver: (() => void)[] = [];

  constructor(context: FlowContext, pipeline: CompiledPipeline) {
    this.context = context;
    this.pipeline = pipeline;
    this.#router = new Router(pipeline);
    this.stages = pipeline.stages.map((stage) => new StageRun(this, stage));
    for (const stage of this.stages) stage.connect();
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Branches of records that are in the pipeline. */
  get branches(): number {
    return this.#branches;
  }

  /** Records, each with a branch for this pipeline, come in at a source stage. */
  enter(stage: number, load: Load, records: Records): void {
    const count = load.countOf(records);
    this.#branches += count;
    this.stages[stage]!.counters.processed += count;
    this.route(stage, load, records);
  }

  /** The records of a load, each with a branch for this pipeline, come in at any stage. */
  enterAt(stage: number, load: Load): void {
    const run = this.stages[stage]!;
    if (run.settings.kind === "source") return this.enter(stage, load, "all");
    this.#branches += load.view.count;
    run.add(load, "all");
  }

  /** Sends records, each with a branch here, on from a stage. */
  route(stage: number, load: Load, records: Records): void {
    const { targets, unrouted, failures } = this.#router.route(
      stage,
      load.view,
      records,
    );
    this.context.counters.conditionFailures += failures;
    const loose = load.countOf(unrouted);
    if (targets.length !== 1 || loose > 0) {
      if (targets.length > 0) this.#branch(load, records, targets, unrouted);
    }
    for (const target of targets) {
      this.stages[target.stage]!.add(load, target.records);
    }
    if (loose > 0) this.#endUnrouted(stage, load, unrouted);
  }

  /** The record has so many more branches here. */
  addBranches(slot: number, branches: number): void {
    this.#branches += branches;
    this.context.tracker.addBranches(slot, branches);
  }

  /** A branch of the record is settled. */
  settle(slot: number): void {
    this.#branches--;
    this.context.tracker.settle(slot);
    if (this.#branches === 0 && this.#whenOver.length > 0) this.#over();
  }

  /** A branch of the record ends because the pipeline is given up. */
  abandon(slot: number): void {
    this.#branches--;
    this.context.counters.abandoned++;
    this.context.tracker.abandon(slot);
    if (this.#branches === 0 && this.#whenOver.length > 0) this.#over();
  }

  /** Resolves when no record is in it. */
  whenOver(): Promise<void> {
    if (this.#branches === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenOver.push(resolve));
  }

  /** Gives up all records in it: they are rejected, so that their source sends them again. */
  giveUp(): void {
    this.#abort.abort();
    for (const stage of this.stages) stage.giveUp();
  }

  /** Stops without a word to the records in it. */
  close(): void {
    this.#abort.abort();
    for (const stage of this.stages) stage.close();
  }

  /** Services have come or gone. */
  servicesChanged(): void {
    for (const stage of this.stages) stage.servicesChanged();
  }

  #over(): void {
    for (const resolve of this.#whenOver.splice(0)) resolve();
  }

  /** Gives each record as many branches as there are targets that get it. */
  #branch(
    load: Load,
    records: Records,
    targets: readonly { readonly records: Records }[],
    unrouted: Records,
  ): void {
    const { slots } = load;
    if (targets.every((target) => target.records === records)) {
      const more = targets.length - 1;
      forEach(load, records, (i) => this.addBranches(slots[i]!, more));
      return;
    }
    for (const target of targets) {
      forEach(load, target.records, (i) => this.addBranches(slots[i]!, 1));
    }
    forEach(load, unrouted, (i) => this.addBranches(slots[i]!, 1));
    forEach(load, records, (i) => this.addBranches(slots[i]!, -1));
  }

  #endUnrouted(stage: number, load: Load, records: Records): void {
    const { counters } = this.context;
    counters.unrouted += load.countOf(records);
    if (this.pipeline.unrouted === "filter") {
      forEach(load, records, (i) => this.settle(load.slots[i]!));
      return;
    }
    const { letters } = this.stages[stage]!;
    const failure = {
      code: "NOT_FOUND",
      message: "no edge or rule of the stage takes the record on",
    };
    const parts = { attempts: 0, firstFailureMs: undefined, more: noFields };
    forEach(load, records, (i) => letters.add(load, i, failure, parts));
  }
}

function forEach(
  load: Load,
  records: Records,
  each: (index: number) => void,
): void {
  if (records === "all") {
    for (let i = 0; i < load.view.count; i++) each(i);
  } else {
    for (let n = 0; n < records.length; n++) each(records[n]!);
  }
}
