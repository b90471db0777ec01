/**
 * Reads what conditions ask about one record after another of a batch. A part of a record is decoded
 * when the first condition asks for it, and once, however many ask.
 */
import { FieldReader } from "../../proto/field_reader.ts";
import { MetadataReader } from "../../proto/metadata_reader.ts";
import type { RecordView } from "../../proto/record_view.ts";
import { ExpressionRecord } from "./expression_record.ts";

const nothing = new Uint8Array(0);

/** A cursor over the records of a view. */
export class RecordReader {
  /** The record at hand, for expressions. */
  readonly expressionRecord: ExpressionRecord = new ExpressionRecord(this);
  /** How often an expression failed since the batch was opened. */
  failures = 0;
  /** Rises with each record, so that what was read of another one is known to be stale. */
  turn = 0;
  #view: RecordView | undefined;
  #index = 0;
  readonly #keys: readonly string[];
  readonly #slots: ReadonlyMap<string, number>;
  /** One for each key, since each keeps the bytes of the key that it looks for. */
  readonly #readers: readonly MetadataReader[];
  readonly #values: (string | undefined)[];
  readonly #valueTurns: number[];
  readonly #fields: FieldReader = new FieldReader(nothing);

  /** A reader for conditions that know the metadata keys by their index in `metadataKeys`. */
  constructor(metadataKeys: readonly string[]) {
    this.#keys = metadataKeys;
    this.#slots = new Map(metadataKeys.map((key, slot) => [key, slot]));
    this.#readers = metadataKeys.map(() => new MetadataReader());
    this.#values = metadataKeys.map(() => undefined);
    this.#valueTurns = metadataKeys.map(() => -1);
  }

  /** Turns to a batch. */
  open(view: RecordView): void {
    this.#view = view;
    this.#fields.reset(view.bytes);
    this.failures = 0;
  }

  /** Lets go of the batch, so that its buffer is not held. */
  close(): void {
    this.#view = undefined;
    this.#fields.reset(nothing);
    this.expressionRecord.forget();
  }

  /** Turns to record `i` of the batch. */
  seek(i: number): void {
    this.#index = i;
    this.turn++;
  }

  /** The batch, and which of its records is at hand. */
  get view(): RecordView {
    return this.#view!;
  }

  get index(): number {
    return this.#index;
  }

  get recordType(): string {
    return this.#view!.recordTypes[this.#index]!;
  }

  /** The index of a metadata key; undefined where conditions do not name it. */
  metadataSlot(key: string): number | undefined {
    return this.#slots.get(key);
  }

  /** The value under the key with index `key`; undefined where the record has none. */
  metadataValue(key: number): string | undefined {
    if (this.#valueTurns[key] !== this.turn) {
      this.#valueTurns[key] = this.turn;
      const fields = this.#fields;
      fields.pos = this.#view!.starts[this.#index]!;
      fields.end = this.#view!.ends[this.#index]!;
      this.#values[key] = this.#readers[key]!.value(fields, this.#keys[key]!);
    }
    return this.#values[key];
  }
}
