/**
 * One version of a pipeline at work. What comes from sources is held until the version is opened:
 * when those before it are done. A record has one branch for each place in the pipeline where it, or
 * something made of it, is.
 */
import type { Load, Records } from "../delivery/load.ts";
import type { RegisteredSource } from "../delivery/ports.ts";
import { Router } from "../routing/route.ts";
import type { CompiledPipeline } from "../routing/types.ts";
import type { FlowContext } from "./flow_context.ts";
import { takesSource } from "./source_match.ts";
import { StageRun } from "./stage_run.ts";

/** Records that wait for their version to be opened. */
interface Held {
  readonly stage: number;
  readonly load: Load;
  readonly records: Records;
}

/** A version of a pipeline. */
export class PipelineRun {
  readonly pipeline: CompiledPipeline;
  readonly context: FlowContext;
  readonly stages: readonly StageRun[];
  /** Aborts the calls under way when the pipeline is given up. */
  readonly #abort = new AbortController();
  /** Aborts the calls that may take their time, before the others. */
  #impatience = new AbortController();
  readonly #router: Router;
  #branches = 0;
  #isOpen = false;
  #held: Held[] = [];
  #halted = false;
  #whenRested: (() => void) | undefined;
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

  /** Of calls that may take their time. */
  get patientSignal(): AbortSignal {
    return this.#impatience.signal;
  }

  /** Whether what comes is let in at once. */
  get isOpen(): boolean {
    return this.#isOpen;
  }

  /** Whether no more calls are to begin. */
  get halted(): boolean {
    return this.#halted;
  }

  /** Whether records wait for a service, or for the store of dead letters. */
  get waits(): boolean {
    return this.stages.some(({ trouble, buffered }) => trouble && buffered > 0);
  }

  /** Whether a stage waits, for whatever. */
  get troubled(): boolean {
    return this.stages.some(({ trouble }) => trouble !== undefined);
  }

  /** Branches of records that are in the pipeline. */
  get branches(): number {
    return this.#branches;
  }

  /** Records that wait at a source stage for the version to be opened. */
  heldAt(stage: number): number {
    return this.#held.reduce(
      (sum, held) =>
        held.stage === stage ? sum + held.load.countOf(held.records) : sum,
      0,
    );
  }

  /** The source stages that take the records of a source. */
  entriesOf(
    sourceId: string,
    registered: RegisteredSource | undefined = this.context.ports.services
      .source(sourceId),
  ): readonly number[] {
    return this.pipeline.sources
      .filter(({ selector }) => takesSource(selector, sourceId, registered))
      .map(({ index }) => index);
  }

  /** Records, each with a branch for this pipeline, come in at a source stage. */
  enter(stage: number, load: Load, records: Records): void {
    if (this.#isOpen) return this.begin(stage, load, records);
    load.hold();
    this.#branches += load.countOf(records);
    this.#held.push({ stage, load, records });
  }

  /** Records come in before all that are held. */
  begin(stage: number, load: Load, records: Records): void {
    const count = load.countOf(records);
    this.#branches += count;
    this.stages[stage]!.counters.processed += count;
    this.route(stage, load, records);
  }

  /** Lets in what is held, and from now on what comes. */
  open(): void {
    this.#isOpen = true;
    this.#letGo(({ stage, load, records }) => {
      this.#branches -= load.countOf(records);
      this.begin(stage, load, records);
    });
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

  /** Calls `over` once no record is in it. */
  whenOver(over: () => void): void {
    if (this.#branches === 0) over();
    else this.#whenOver.push(over);
  }

  /**
   * Begins no more calls and has those end that may take their time; calls `rested` once, when none is
   * under way, unless the run goes on before.
   */
  halt(rested: () => void): void {
    this.#halted = true;
    this.#whenRested = rested;
    this.#impatience.abort();
    this.#lookWhetherRested();
  }

  /** Makes calls again. */
  goOn(): void {
    this.#halted = false;
    this.#whenRested = undefined;
    this.#impatience = new AbortController();
    for (const stage of this.stages) stage.wake();
  }

  /** A call has ended, whatever came of it. */
  callEnded(): void {
    this.#lookWhetherRested();
    this.context.tell();
  }

  /** Gives up all records in it: they are rejected, so that their source sends them again. */
  giveUp(): void {
    this.takeBack((slot) => this.abandon(slot));
  }

  /** Takes all records out, for good: tells the slot of each branch. */
  takeBack(each: (slot: number) => void): void {
    this.#abortAll();
    this.#letGo(({ load, records }) =>
      forEach(load, records, (i) => each(load.slots[i]!))
    );
    for (const stage of this.stages) stage.giveUp(each);
  }

  /** Stops without a word to the records in it. */
  close(): void {
    this.#abortAll();
    for (const stage of this.stages) stage.close();
  }

  /** Services have come or gone. */
  servicesChanged(): void {
    for (const stage of this.stages) stage.servicesChanged();
  }

  #over(): void {
    for (const over of this.#whenOver.splice(0)) over();
  }

  #letGo(each: (held: Held) => void): void {
    for (const held of this.#held.splice(0)) {
      each(held);
      held.load.release();
    }
  }

  #abortAll(): void {
    this.#abort.abort();
    this.#impatience.abort();
  }

  #lookWhetherRested(): void {
    if (!this.#whenRested || this.stages.some((stage) => stage.busy)) return;
    const rested = this.#whenRested;
    this.#whenRested = undefined;
    rested();
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
    const parts = { attempts: 0, firstFailureMs: undefined };
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
