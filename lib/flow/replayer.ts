/**
 * Sends dead letters through again, at the stage where they failed or from the start of their
 * pipeline. A letter that fails again keeps its id and its history.
 */
import { SourceAccount } from "../delivery/buffer.ts";
import { type Intake, Outcome } from "../delivery/intake.ts";
import type { Failure } from "../delivery/work.ts";
import { Code, ConveyorError, quote } from "../errors.ts";
import { WireError } from "../../proto/wire.ts";
import type { FlowContext, ReplayHistory } from "./flow_context.ts";
import type { PipelineRun } from "./pipeline_run.ts";
import type { Pipelines } from "./pipelines.ts";
import type { StageEntry } from "./stage_entry.ts";

/** A letter to send through again. */
export interface Replay {
  readonly letterId: string;
  /** The serialized Record; once it is sent through, the flow's own. */
  readonly record: Uint8Array;
  /** As the letter has it. */
  readonly lineage: number;
  readonly pipelineId: string;
  /** The stage to send it to; undefined: to the start of the pipeline. */
  readonly stageId: string | undefined;
  readonly attempts: number;
  /** In ms since the epoch. */
  readonly firstFailureMs: number;
}

/** What became of it. `failed`: it is a dead letter again, kept under its id; not so after `settled`. */
export type ReplayOutcome =
  | { readonly kind: "settled" }
  | { readonly kind: "failed"; readonly failure: Failure }
  | { readonly kind: "given_up" };

/** Sends letters through. */
export class Replayer {
  readonly #context: FlowContext;
  readonly #pipelines: Pipelines;
  readonly #entry: StageEntry;
  readonly #account: SourceAccount = new SourceAccount("");

  constructor(
    context: FlowContext,
    pipelines: Pipelines,
    entry: StageEntry,
  ) {
    this.#context = context;
    this.#pipelines = pipelines;
    this.#entry = entry;
  }

  /**
   * Sends a letter through; resolves with what became of it. Rejects with NotFound when its pipeline
   * or stage is no more, and ResourceExhausted when there is no room: then nothing has happened.
   */
  replay(replay: Replay): Promise<ReplayOutcome> {
    const context = this.#context;
    const run = this.#pipelines.get(replay.pipelineId);
    const stage = run && entryOf(run, replay);
    if (run === undefined || stage === undefined) return gone(replay);
    const bytes = replay.record.length;
    if (!this.#entry.hasRoom(this.#account, 1, bytes)) return full();
    const view = context.views.records.take();
    try {
      view.reset(replay.record).addRecord();
    } catch (error) {
      return malformed(error);
    }
    const history: ReplayHistory = { ...replay, failure: undefined };
    let slot = 0;
    return new Promise((resolve) =>
      this.#entry.enter({
        run,
        stage,
        view,
        bytes,
        account: this.#account,
        lineage: replay.lineage,
        opened: ([first]) => {
          slot = first!;
          context.replays.set(slot, history);
        },
        done: (intake) => {
          context.replays.delete(slot);
          resolve(outcomeOf(intake, history));
        },
      })
    );
  }
}

function outcomeOf(
  intake: Intake | undefined,
  { failure }: ReplayHistory,
): ReplayOutcome {
  if (intake?.outcomes[0] !== Outcome.Accepted) return { kind: "given_up" };
  return failure === undefined
    ? { kind: "settled" }
    : { kind: "failed", failure };
}

/** The index of the stage where the record enters. */
function entryOf(
  { pipeline }: PipelineRun,
  { stageId }: Replay,
): number | undefined {
  if (stageId === undefined) return pipeline.sources[0]?.index;
  return pipeline.stages.find(({ id }) => id === stageId)?.index;
}

function gone({ pipelineId, stageId }: Replay): Promise<never> {
  const what = stageId === undefined
    ? `pipeline ${quote(pipelineId)}`
    : `stage ${quote(stageId)} of pipeline ${quote(pipelineId)}`;
  return Promise.reject(
    new ConveyorError(
      Code.NotFound,
      `Cannot replay dead letter: no ${what} is enabled`,
    ),
  );
}

function full(): Promise<never> {
  return Promise.reject(
    new ConveyorError(
      Code.ResourceExhausted,
      "Cannot replay dead letter: the router holds as many records as it may",
    ),
  );
}

function malformed(error: unknown): Promise<never> {
  if (!(error instanceof WireError)) return Promise.reject(error);
  return Promise.reject(
    new ConveyorError(
      Code.DataLoss,
      `Cannot replay dead letter: ${error.message}`,
      { cause: error },
    ),
  );
}
