/**
 * A serialized conveyor.lookup.BatchLookupResponse, split into its results. What was found for a
 * record is given as the metadata entries to add to it. What the walk accepts is well-formed
 * throughout; anything else is a WireError.
 */
import type { LookupStatus } from "./messages/lookup.ts";
import { FieldReader } from "./field_reader.ts";
import { ResultView } from "./result_view.ts";
import { checkBatchStats, checkBytesEntry } from "./shape.ts";
import { decodeUtf8 } from "./utf8.ts";
import { WireWriter } from "./wire_writer.ts";

const empty: Uint8Array = new Uint8Array(0);
const encoder = new TextEncoder();

/** The results of a lookup: LookupResponse messages. */
export class LookupResultView extends ResultView {
  /** By result; numbers unknown to the schema included. */
  readonly statuses: LookupStatus[] = [];
  protected override readonly resultsTag: number = 0x12;
  /** Ranges of the entries of lookup_data, of all results in order. */
  readonly #entryStarts: number[] = [];
  readonly #entryEnds: number[] = [];
  readonly #firstEntries: number[] = [];
  readonly #entry: FieldReader = new FieldReader(empty);

  override reset(bytes: Uint8Array): this {
    this.#entryStarts.length = this.#entryEnds.length = 0;
    this.#entry.reset(bytes);
    return super.reset(bytes);
  }

  /**
   * What result `i` found, as serialized entries of Record.metadata, each name behind `prefix`;
   * undefined when a value is not text, which metadata must be.
   */
  metadata(i: number, prefix: string): Uint8Array | undefined {
    const prefixBytes = encoder.encode(prefix);
    const writer = new WireWriter();
    const last = i + 1 < this.count
      ? this.#firstEntries[i + 1]!
      : this.#entryStarts.length;
    for (let entry = this.#firstEntries[i]!; entry < last; entry++) {
      if (!this.#writeEntry(writer, prefixBytes, entry)) return undefined;
    }
    return writer.finish();
  }

  protected override clear(i: number): void {
    this.statuses[i] = 0;
    this.#firstEntries[i] = this.#entryStarts.length;
  }

  protected override readField(i: number, tag: number, start: number): void {
    const { reader } = this;
    if (tag === 0x10) this.statuses[i] = reader.int32();
    else if (tag === 0x1a) {
      this.#entryStarts.push(reader.pos);
      this.#entryEnds.push(reader.valueEnd);
      checkBytesEntry(reader);
    } else if (tag === 0x22) this.readError(i);
    else if (tag === 0x28) reader.skipValue(tag);
    else reader.skipUnknown(tag, 5, start);
  }

  protected override readResponseField(tag: number, start: number): void {
    if (tag === 0x1a) checkBatchStats(this.reader);
    else this.reader.skipUnknown(tag, 3, start);
  }

  #writeEntry(
    writer: WireWriter,
    prefix: Uint8Array,
    number: number,
  ): boolean {
    const entry = this.#entry;
    entry.pos = this.#entryStarts[number]!;
    entry.end = this.#entryEnds[number]!;
    let key = empty;
    let value = empty;
    while (entry.pos < entry.end) {
      const tag = entry.field();
      if (tag === 0x0a) key = this.bytes.subarray(entry.pos, entry.valueEnd);
      if (tag === 0x12) value = this.bytes.subarray(entry.pos, entry.valueEnd);
      entry.skipValue(tag);
    }
    if (decodeUtf8(value, 0, value.length) === undefined) return false;
    writer.uint32(0x2a).fork();
    writer.uint32(0x0a).uint32(prefix.length + key.length).raw(prefix).raw(key);
    writer.uint32(0x12).bytes(value).ldelim();
    return true;
  }
}
