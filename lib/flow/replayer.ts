/**
 * Sends dead letters through again, at the stage where they failed or from the start of their
 * pipeline. A letter that fails again keeps its id and its history.
 */
import { SourceAccount } from "../delivery/buffer.ts";
import type { Intake } from "../delivery/intake.ts";
import { Outcome } from "../delivery/intake.ts";
import { sourceLineage } from "../delivery/lineage.ts";
import { Load } from "../delivery/load.ts";
import type { Failure } from "../delivery/work.ts";
import { Code, ConveyorError, quote } from "../errors.ts";
import { WireError } from "../../proto/wire.ts";
import type { FlowContext, ReplayHistory } from "./flow_context.ts";
import type { PipelineRun } from "./pipeline_run.ts";
import type { Pipelines } from "./pipelines.ts";
import { type BatchSender, SourceBatch } from "./source_batch.ts";

/** A letter to send through again. */
export interface Replay {
  readonly letterId: string;
  /** The serialized Record. */
  readonly record: Uint8Array;
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
export class Replayer implements BatchSender {
  readonly #context: FlowContext;
  readonly #pipelines: Pipelines;
  readonly #account: SourceAccount = new SourceAccount("");
  readonly #under: Map<Intake, UnderWay> = new Map();

  constructor(context: FlowContext, pipelines: Pipelines) {
    this.#context = context;
    this.#pipelines = pipelines;
  }

  /**
   * Sends a letter through; resolves with what became of it. Rejects with NotFound when its pipeline
   * or stage is no more, and ResourceExhausted when there is no room: then nothing has happened.
   */
  replay(replay: Replay): Promise<ReplayOutcome> {
    const context = this.#context;
    const { buffer, tracker } = context;
    const run = this.#pipelines.get(replay.pipelineId);
    const stage = run && entryOf(run, replay);
    if (run === undefined || stage === undefined) return gone(replay);
    const bytes = replay.record.length;
    if (
      buffer.recordRoom(this.#account) === 0 ||
      buffer.byteRoom(this.#account) < bytes
    ) return full();
    const view = context.views.records.take();
    try {
      view.reset(replay.record).addRecord();
    } catch (error) {
      return malformed(error);
    }
    const batch = new SourceBatch(context, this, view);
    const intake = tracker.openIntake(batch, "", view.ids);
    const slot = tracker.take(intake, 0, undefined, 1);
    buffer.addRecords(this.#account, 1);
    batch.holdBytes(this.#account, bytes);
    const history = { ...replay, failure: undefined };
    context.replays.set(slot, history);
    const load = new Load(
      batch,
      view,
      Uint32Array.of(slot),
      sourceLineage,
      bytes,
    );
    return new Promise((resolve) => {
      this.#under.set(intake, { slot, history, resolve });
      run.enterAt(stage, load);
      load.release();
      context.tell();
    });
  }

  /** Nobody will tell what became of the letters under way: they are given up. */
  close(): void {
    for (const { resolve } of this.#under.values()) {
      resolve({ kind: "given_up" });
    }
  }

  batchTold(intake: Intake): void {
    const { slot, history, resolve } = this.#under.get(intake)!;
    this.#under.delete(intake);
    this.#context.replays.delete(slot);
    this.#context.buffer.removeRecords(this.#account, 1);
    if (intake.outcomes[0] !== Outcome.Accepted) resolve({ kind: "given_up" });
    else if (history.failure === undefined) resolve({ kind: "settled" });
    else resolve({ kind: "failed", failure: history.failure });
  }
}

interface UnderWay {
  readonly slot: number;
  readonly history: ReplayHistory;
  readonly resolve: (outcome: ReplayOutcome) => void;
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
