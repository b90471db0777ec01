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
   * record of less than 16 KiB: as most do. False when it is another: then the view is good for
   * `reset` only. Reads no results.
   */
  addIfOneForEach(sent: SentIds): boolean {
    const { bytes, outputs, reader: { view } } = this;
    const { count } = sent;
    let pos = this.firstResult();
    for (let n = 0; n < count; n++) {
      if (pos < 0 || bytes[pos] !== this.resultsTag) return false;
      const start = pos + frameSize(bytes, pos);
      const end = start + shortLength(bytes, pos);
      if (end < start || end > bytes.length) return false;
      pos = sent.idEnd(n, view, start, end);
      if (pos < 0 || pos + 4 >= end || bytes[pos] !== 0x10) return false;
      const status: TransformStatus = bytes[pos + 1]!;
      if (
        status !== TransformStatus.Success && status !== TransformStatus.Split
      ) return false;
      pos += 2;
      const output = pos + frameSize(bytes, pos);
      if (
        bytes[pos] !== 0x1a || output + shortLength(bytes, pos) !== end
      ) return false;
      outputs.addRecord(output, end);
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

/** The length in one or two bytes behind the tag at `pos`; -1 when it is longer. */
function shortLength(bytes: Uint8Array, pos: number): number {
  const first = bytes[pos + 1]!;
  if (first < 128) return first;
  const second = bytes[pos + 2]!;
  return second < 128 ? first & 127 | second << 7 : -1;
}

/** What the tag and such a length take. */
function frameSize(bytes: Uint8Array, pos: number): number {
  return bytes[pos + 1]! < 128 ? 2 : 3;
}
