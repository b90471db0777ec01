/**
 * Takes what another sidecar hands over for a stage that runs here. The other one hears of it when every
 * record is settled, as far as the last sink: that is what makes acks hold across pods.
 *
 * Room is counted for each stage apart from the sources, so that two sidecars which hand records to each
 * other never both wait for the room that the other one's records take.
 */
import { SourceAccount } from "../delivery/buffer.ts";
import type { Intake } from "../delivery/intake.ts";
import { sourceLineage } from "../delivery/lineage.ts";
import { Code, ConveyorError, invalidArgument, quote } from "../errors.ts";
import { WireError } from "../../proto/wire.ts";
import type { FlowContext } from "./flow_context.ts";
import type { Pipelines } from "./pipelines.ts";
import type { StageEntry } from "./stage_entry.ts";

/** Records for a stage. */
export interface Handover {
  readonly pipelineId: string;
  readonly stageId: string;
  /** The serialized conveyor.common.RecordBatch in a range of these. They must not change any more. */
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
  /** By record; undefined: all are as they came from their source. */
  readonly lineages: Float64Array | undefined;
}

/** Takes records over. */
export class Receiver {
  readonly #context: FlowContext;
  readonly #pipelines: Pipelines;
  readonly #entry: StageEntry;
  /** By pipeline and stage; of those that have records here. */
  readonly #accounts: Map<string, SourceAccount> = new Map();

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
   * Takes the records over; `done` as in an Entry. Throws NotFound when the stage does
   * not run here, ResourceExhausted when there is no room, InvalidArgument for what is malformed: then
   * nothing is taken.
   */
  receive(
    handover: Handover,
    done: (intake: Intake | undefined) => void,
  ): void {
    const { pipelineId, stageId, bytes, start, end, lineages } = handover;
    const run = this.#pipelines.get(pipelineId);
    const stage = run?.pipeline.stages.find(({ id }) => id === stageId);
    if (run === undefined || stage === undefined || stage.kind === "relay") {
      throw new ConveyorError(
        Code.NotFound,
        `Cannot take records for stage ${quote(stageId)} of pipeline ${
          quote(pipelineId)
        }: it does not run here`,
      );
    }
    const view = this.#context.views.records.take();
    try {
      view.reset(bytes).addBatch(start, end);
    } catch (error) {
      if (!(error instanceof WireError)) throw error;
      throw invalidBatch(error);
    }
    if (lineages !== undefined && lineages.length !== view.count) {
      throw invalidArgument(
        "lineages",
        `must be one for each of ${view.count} records`,
        lineages.length,
      );
    }
    const key = JSON.stringify([pipelineId, stageId]);
    const account = this.#accounts.get(key) ?? new SourceAccount(key);
    if (!this.#entry.hasRoom(account, view.count, end - start)) {
      throw new ConveyorError(
        Code.ResourceExhausted,
        `Cannot take records for stage ${
          quote(stageId)
        }: as many wait as may, send them again later`,
      );
    }
    this.#accounts.set(key, account);
    this.#entry.enter({
      run,
      stage: stage.index,
      view,
      bytes: end - start,
      account,
      lineage: lineages ?? sourceLineage,
      done: (intake) => {
        if (account.records === 0) this.#accounts.delete(key);
        done(intake);
      },
    });
  }
}

function invalidBatch(error: WireError): ConveyorError {
  return new ConveyorError(
    Code.InvalidArgument,
    `Cannot take batch: ${error.message}`,
    { details: [{ field: "batch", description: error.message }], cause: error },
  );
}
