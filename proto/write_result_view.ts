/**
 * A serialized conveyor.sink.WriteBatchResponse, split into its results. What the walk accepts is
 * well-formed throughout; anything else is a WireError.
 */
import type { WriteStatus } from "./messages/sink.ts";
import { ResultView } from "./result_view.ts";

/** The results of a sink: RecordWriteResult messages. */
export class WriteResultView extends ResultView {
  /** Of the whole batch; numbers unknown to the schema included. */
  status: WriteStatus = 0;
  /** Which records were written. */
  readonly successes: boolean[] = [];
  /** Which of the others may be tried again. */
  readonly retryables: boolean[] = [];
  protected override readonly resultsTag: number = 0x1a;

  override reset(bytes: Uint8Array): this {
    this.status = 0;
    return super.reset(bytes);
  }

  protected override clear(i: number): void {
    this.successes[i] = false;
    this.retryables[i] = false;
  }

  protected override readField(i: number, tag: number, start: number): void {
    const { reader } = this;
    if (tag === 0x10) this.successes[i] = reader.bool();
    else if (tag === 0x1a) this.readError(i);
    else if (tag === 0x20) this.retryables[i] = reader.bool();
    else reader.skipUnknown(tag, 4, start);
  }

  protected override readResponseField(tag: number, start: number): void {
    if (tag === 0x10) this.status = this.reader.int32();
    else this.reader.skipUnknown(tag, 3, start);
  }
}
