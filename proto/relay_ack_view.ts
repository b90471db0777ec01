/**
 * A serialized conveyor.sidecar.ReceiveRecordsResponse, split into its acks. What the walk accepts is
 * well-formed throughout; anything else is a WireError.
 */
import { ResultView } from "./result_view.ts";
import { cachedText } from "./text_cache.ts";

/** The acks of another sidecar: RecordAck messages. */
export class RelayAckView extends ResultView {
  /** Whether all records succeeded. */
  success = false;
  /** Why the batch as a whole was refused; else empty. */
  refusal = "";
  /** What became of each record: numbers of conveyor.sidecar.AckStatus, unknown ones included. */
  readonly statuses: number[] = [];
  protected override readonly resultsTag: number = 0x1a;

  override reset(bytes: Uint8Array): this {
    this.success = false;
    this.refusal = "";
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
    if (tag === 0x08) this.success = reader.bool();
    else if (tag === 0x12) {
      this.refusal = cachedText(this.bytes, reader.pos, reader.valueEnd);
      reader.pos = reader.valueEnd;
    } else reader.skipUnknown(tag, 3, start);
  }
}
