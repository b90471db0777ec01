/**
 * One batch that a source sent: who is told what became of its records, and when its bytes and its
 * view are let go: when every record is answered and no stage reads them any more. Until then a record
 * can be sent through anew from the start, as it came.
 */
import type { SourceAccount } from "../delivery/buffer.ts";
import type { Intake, IntakeOwner } from "../delivery/intake.ts";
import { sourceLineage } from "../delivery/lineage.ts";
import { Load, type LoadOwner } from "../delivery/load.ts";
import type { RecordView } from "../../proto/record_view.ts";
import type { FlowContext } from "./flow_context.ts";

/** Whoever sent batches. */
export interface BatchSender {
  /** Outcomes of records became known; so many of these were under way. */
  batchTold(intake: Intake, wereUnderWay: number): void;
}

/** A batch. */
export class SourceBatch implements IntakeOwner, LoadOwner {
  readonly view: RecordView;
  readonly #context: FlowContext;
  readonly #sender: BatchSender;
  readonly #lineage: number | Float64Array;
  /** Whom the bytes are counted for, if records of the batch are under way. */
  #account: SourceAccount | undefined;
  #bytes = 0;
  /** Loads that stages may read. */
  #loads = 0;
  /** Records under way when the source was told last. */
  #underWay = 0;
  #closed = false;

  /** `lineage` is as in a Load. */
  constructor(
    context: FlowContext,
    sender: BatchSender,
    view: RecordView,
    lineage: number | Float64Array = sourceLineage,
  ) {
    this.#context = context;
    this.#sender = sender;
    this.#lineage = lineage;
    this.view = view;
  }

  /** Records of the batch are under way: its bytes are held, and counted. */
  holdBytes(account: SourceAccount, bytes: number): void {
    this.#account = account;
    this.#bytes = bytes;
    this.#context.buffer.addBytes(account, bytes);
  }

  /** So many records of the batch are under way. */
  admitted(underWay: number): void {
    this.#underWay = underWay;
  }

  told(intake: Intake): void {
    const wereUnderWay = Math.max(0, this.#underWay - intake.open);
    this.#underWay -= wereUnderWay;
    this.#sender.batchTold(intake, wereUnderWay);
  }

  loadOf(slots: Uint32Array): Load {
    this.#loads++;
    return new Load(this, this.view, slots, this.#lineage, this.#bytes);
  }

  intakeClosed(): void {
    this.#closed = true;
    this.#letGo();
  }

  loadReleased(): void {
    this.#loads--;
    this.#letGo();
  }

  #letGo(): void {
    if (!this.#closed || this.#loads > 0) return;
    const { buffer, ports, views } = this.#context;
    if (this.#account) buffer.removeBytes(this.#account, this.#bytes);
    ports.release(this.view.bytes);
    views.records.give(this.view);
  }
}
