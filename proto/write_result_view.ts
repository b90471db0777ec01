/**
 * A serialized conveyor.sink.WriteBatchResponse, split into its results. What the walk accepts is
 * well-formed throughout; anything else is a WireError.
 */
import type { WriteStatus } from "./messages/sink.ts";
import { ResultView, type SentIds } from "./result_view.ts";

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

  /**
   * The status of a response that says of each record sent, in order, that it was written and nothing
   * more: as most do. -1 when it says anything else. Reads no results.
   */
  statusIfAllWritten(sent: SentIds): WriteStatus | -1 {
    const { bytes, reader: { view } } = this;
    const { count } = sent;
    let pos = this.firstResult();
    let status = 0;
    if (pos >= 0 && bytes[pos] === 0x10 && bytes[pos + 1]! < 128) {
      status = bytes[pos + 1]!;
      pos += 2;
    }
    for (let n = 0; n < count; n++) {
      if (pos < 0 || bytes[pos] !== 0x1a) return -1;
      const end = pos + 2 + bytes[pos + 1]!;
      if (!(bytes[pos + 1]! < 128 && end <= bytes.length)) return -1;
      const idEnd = sent.idEnd(n, view, pos + 2, end);
      if (
        idEnd < 0 || idEnd + 2 !== end || bytes[idEnd] !== 0x10 ||
        bytes[idEnd + 1] !== 1
      ) return -1;
      pos = end;
    }
    return pos === bytes.length ? status : -1;
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
