/**
 * Records that come in at a stage, and not from a source: dead letters that are sent through again, and
 * what another sidecar hands over. No window knows them; whoever brought them is told once, when all of
 * them are settled or given up.
 */
import type { SourceAccount } from "../delivery/buffer.ts";
import type { Intake } from "../delivery/intake.ts";
import type { RecordView } from "../../proto/record_view.ts";
import type { FlowContext } from "./flow_context.ts";
import type { PipelineRun } from "./pipeline_run.ts";
import { type BatchSender, SourceBatch } from "./source_batch.ts";

/** Records on their way in. */
export interface Entry {
  readonly run: PipelineRun;
  /** Index of the stage. */
  readonly stage: number;
  /** All of its records come in; it is given back by the flow. */
  readonly view: RecordView;
  /** What the records take. */
  readonly bytes: number;
  /** Whom they are counted for. */
  readonly account: SourceAccount;
  /** As in a Load. */
  readonly lineage: number | Float64Array;
  /** Told of the slots of the records before any of them moves. */
  readonly opened?: (slots: Uint32Array) => void;
  /**
   * Told once: when there is an outcome of every record, or without one when the flow closes before. It
   * must not throw.
   */
  readonly done: (intake: Intake | undefined) => void;
}

/** Lets records in. */
export class StageEntry implements BatchSender {
  readonly #context: FlowContext;
  readonly #open: Map<Intake, Entry> = new Map();

  constructor(context: FlowContext) {
    this.#context = context;
  }

  /** Whether there is room for so many records and bytes. One who has nothing here must get on. */
  hasRoom(account: SourceAccount, records: number, bytes: number): boolean {
    const { buffer } = this.#context;
    const recordRoom = buffer.recordRoom(account);
    const byteRoom = buffer.byteRoom(account);
    return account.records === 0
      ? recordRoom > 0 && byteRoom > 0
      : recordRoom >= records && byteRoom >= bytes;
  }

  /** Lets the records of an entry in. */
  enter(entry: Entry): void {
    const context = this.#context;
    const { buffer, tracker } = context;
    const { run, stage, view, bytes, account, lineage } = entry;
    const { count } = view;
    const batch = new SourceBatch(context, this, view, lineage);
    const intake = tracker.openIntake(batch, view.batchId, view.ids);
    this.#open.set(intake, entry);
    if (count === 0) {
      tracker.tell(intake);
      return context.tell();
    }
    const slots = new Uint32Array(count);
    for (let place = 0; place < count; place++) {
      slots[place] = tracker.take(intake, place, undefined, 1);
    }
    buffer.addRecords(account, count);
    batch.admitted(count);
    batch.holdBytes(account, bytes);
    entry.opened?.(slots);
    const load = batch.loadOf(slots);
    run.enterAt(stage, load);
    load.release();
    context.tell();
  }

  /** Nobody will tell what became of the records under way. */
  close(): void {
    const entries = [...this.#open.values()];
    this.#open.clear();
    for (const { done } of entries) done(undefined);
  }

  batchTold(intake: Intake, wereUnderWay: number): void {
    const entry = this.#open.get(intake);
    if (entry === undefined) return;
    const { account, done } = entry;
    this.#context.buffer.removeRecords(account, wereUnderWay);
    if (intake.open > 0) return;
    this.#open.delete(intake);
    done(intake);
  }
}
