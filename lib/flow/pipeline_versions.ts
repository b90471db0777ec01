/**
 * The versions of one pipeline, of which one is at work at a time: the oldest that has records. What
 * comes for a newer one is held until it is its turn, so that nothing overtakes what came before it.
 *
 * Records finish on the version that they entered. One that cannot finish them must not keep the next
 * from its turn: when a replaced version waits for a service, or has had its time, it makes no more
 * calls, and what it has left begins anew in the version that takes records, before all that is held.
 * What is delivered twice by this is no more than what was in flight.
 */
import { replacedVersionMs } from "../limits.ts";
import type { CompiledPipeline } from "../routing/types.ts";
import { beginAnew } from "./begin_anew.ts";
import type { FlowContext } from "./flow_context.ts";
import { PipelineRun } from "./pipeline_run.ts";

/** The versions. */
export class PipelineVersions {
  readonly #context: FlowContext;
  /** The oldest first. */
  #runs: PipelineRun[] = [];
  /** The one that takes records, if the pipeline does: it is the last. */
  #active: PipelineRun | undefined;
  /** When the first was replaced, while it is at work. */
  #replacedMs = 0;

  constructor(context: FlowContext) {
    this.#context = context;
  }

  /** The version that takes records. */
  get active(): PipelineRun | undefined {
    return this.#active;
  }

  /** All that take records, or have some; the oldest first. */
  get runs(): readonly PipelineRun[] {
    return this.#runs;
  }

  /** Takes records by this version from now on. */
  set(pipeline: CompiledPipeline): void {
    this.#take(pipeline);
    this.look();
  }

  /** Takes no more records. */
  remove(): void {
    const replaced = this.#active;
    this.#active = undefined;
    if (replaced === undefined) return;
    if (replaced === this.#runs[0]) this.#startTime();
    replaced.whenOver(() => this.#over(replaced));
  }

  /** Gives up the records in all of them. If it takes records, it goes on with those to come. */
  giveUp(): void {
    const runs = [...this.#runs];
    if (this.#active) this.#take(this.#active.pipeline);
    for (const run of runs) run.giveUp();
  }

  /** Looks whether the version at work holds up the one that takes records; from time to time. */
  look(): void {
    const [first] = this.#runs;
    if (!first || !this.#active || first === this.#active) return;
    const { clock } = this.#context.ports;
    const isLate = clock.monotonicMs() - this.#replacedMs >= replacedVersionMs;
    if (first.halted || !isLate && !first.waits) return;
    first.halt(() => this.#beginAnew(first));
  }

  #take(pipeline: CompiledPipeline): void {
    this.remove();
    this.#active = new PipelineRun(this.#context, pipeline);
    this.#runs.push(this.#active);
    if (this.#runs.length === 1) this.#active.open();
  }

  /** The first makes no more calls. */
  #beginAnew(first: PipelineRun): void {
    if (this.#active === undefined) return first.goOn();
    beginAnew(this.#context, this.#runs.slice(0, -1), this.#active);
    this.#context.tell();
  }

  /** A version that takes no records has none left. */
  #over(run: PipelineRun): void {
    this.#runs = this.#runs.filter((other) => other !== run);
    const [first] = this.#runs;
    if (!first || first.isOpen) return;
    this.#startTime();
    first.open();
  }

  #startTime(): void {
    this.#replacedMs = this.#context.ports.clock.monotonicMs();
  }
}
