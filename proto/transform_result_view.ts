/**
 * A serialized conveyor.transform.ProcessBatchResponse, split into its results without decoding the
 * records in them: these are a RecordView, ready to be routed and joined. What the walk accepts is
 * well-formed throughout; anything else is a WireError.
 */
import type { TransformStatus } from "./messages/transform.ts";
import { RecordView } from "./record_view.ts";
import { ResultView } from "./result_view.ts";

/** The results of a transform: TransformResult messages. */
export class TransformResultView extends ResultView {
  /** By result; numbers unknown to the schema included. */
  readonly statuses: TransformStatus[] = [];
  /** The output records of all results, in order. */
  readonly outputs: RecordView = new RecordView();
  readonly #firstOutputs: number[] = [];
  protected override readonly resultsTag: number = 0x12;

  override reset(bytes: Uint8Array): this {
    this.outputs.reset(bytes);
    return super.reset(bytes);
  }

  /** The index in `outputs` of the first record of result `i`. */
  outputsStart(i: number): number {
    return i < this.count ? this.#firstOutputs[i]! : this.outputs.count;
  }

  /** One past the index of its last record. */
  outputsEnd(i: number): number {
    return this.outputsStart(i + 1);
  }

  protected override clear(i: number): void {
    this.statuses[i] = 0;
    this.#firstOutputs[i] = this.outputs.count;
  }

  protected override readField(i: number, tag: number, start: number): void {
    const { reader } = this;
    if (tag === 0x10) this.statuses[i] = reader.int32();
    else if (tag === 0x1a) {
      this.outputs.addRecord(reader.pos, reader.valueEnd);
      reader.pos = reader.valueEnd;
    } else if (tag === 0x22) this.readError(i);
    else reader.skipUnknown(tag, 4, start);
  }

  protected override readResponseField(tag: number, start: number): void {
    this.reader.skipUnknown(tag, 2, start);
  }
}
