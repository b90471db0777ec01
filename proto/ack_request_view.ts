/**
 * A serialized conveyor.source.AckRequest, split into its acks. What the walk accepts is well-formed
 * throughout; anything else is a WireError.
 */
import { ResultView } from "./result_view.ts";
import { cachedText } from "./text_cache.ts";

/** The acks of a consumer: RecordAck messages. */
export class AckRequestView extends ResultView {
  /** Who pulled the records. */
  consumerId = "";
  /** Numbers of AckStatus, those unknown to the schema included. */
  readonly statuses: number[] = [];
  protected override readonly resultsTag: number = 0x1a;

  /** The source that they were pulled from. */
  get sourceId(): string {
    // What other answers name first is their batch.
    return this.batchId;
  }

  override reset(bytes: Uint8Array): this {
    this.consumerId = "";
    return super.reset(bytes);
  }

  protected override clear(i: number): void {
    this.statuses[i] = 0;
  }

  protected override readField(i: number, tag: number, start: number): void {
    const { reader } = this;
    if (tag === 0x10) this.statuses[i] = reader.int32();
    else if (tag === 0x1a) this.readError(i);
    else reader.skipUnknown(tag, 3, start);
  }

  protected override readResponseField(tag: number, start: number): void {
    const { reader } = this;
    if (tag === 0x12) {
      this.consumerId = cachedText(this.bytes, reader.pos, reader.valueEnd);
      reader.pos = reader.valueEnd;
    } else reader.skipUnknown(tag, 3, start);
  }
}
