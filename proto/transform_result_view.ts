/**
 * A serialized conveyor.transform.ProcessBatchResponse, split into its results without decoding the
 * records in them: these are a RecordView, ready to be routed and joined. What the walk accepts is
 * well-formed throughout; anything else is a WireError.
 */
import { TransformStatus } from "./messages/transform.ts";
import { RecordView } from "./record_view.ts";
import { ResultView, type SentIds } from "./result_view.ts";

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

  /**
   * Adds the outputs of a response that has for each record sent, in order, one result with one
   * record: as most do. False when it is another: then the view is good for `reset` only. Reads no
   * results.
   */
  addIfOneForEach(sent: SentIds): boolean {
    const { bytes, outputs, reader } = this;
    const { count } = sent;
    let pos = this.firstResult();
    if (pos < 0) return false;
    reader.end = bytes.length;
    for (let n = 0; n < count; n++) {
      if (pos >= bytes.length) return false;
      reader.pos = pos;
      if (reader.field() !== this.resultsTag) return false;
      const end = reader.valueEnd;
      pos = sent.idEnd(n, reader.view, reader.pos, end);
      if (pos < 0 || pos + 2 >= end || bytes[pos] !== 0x10) return false;
      const status: TransformStatus = bytes[pos + 1]!;
      if (
        status !== TransformStatus.Success && status !== TransformStatus.Split
      ) return false;
      reader.pos = pos + 2;
      reader.end = end;
      if (reader.field() !== 0x1a || reader.valueEnd !== end) return false;
      outputs.addRecord(reader.pos, end);
      reader.end = bytes.length;
      pos = end;
    }
    return pos === bytes.length;
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
