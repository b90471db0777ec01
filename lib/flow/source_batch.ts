/**
 * One batch that a source sent: who is told what became of its records, and when its bytes and its
 * view are let go. The bytes go when no stage needs them, the view when every record is answered.
 */
import type { SourceAccount } from "../delivery/buffer.ts";
import type { Intake, IntakeOwner } from "../delivery/intake.ts";
import type { LoadOwner } from "../delivery/load.ts";
import type { RecordView } from "../../proto/record_view.ts";
import type { FlowContext } from "./flow_context.ts";

const empty: Uint8Array = new Uint8Array(0);

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
  /** Whom the bytes are counted for, while they are held. */
  #account: SourceAccount | undefined;
  #bytes = 0;
  /** Records under way when the source was told last. */
  #underWay = 0;
  #closed = false;

  constructor(context: FlowContext, sender: BatchSender, view: RecordView) {
    this.#context = context;
    this.#sender = sender;
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

  intakeClosed(): void {
    this.#closed = true;
    if (this.#account === undefined) this.#giveView();
  }

  loadReleased(): void {
    this.#context.buffer.removeBytes(this.#account!, this.#bytes);
    this.#account = undefined;
    if (this.#closed) this.#giveView();
    else this.view.bytes = empty;
  }

  #giveView(): void {
    this.#context.views.records.give(this.view);
  }
}
