/**
 * The variable `record` of expressions: each field is decoded when an expression asks for it, and
 * once a record; of the metadata only the entries that it asks for. The names of the getters are the names in the expressions. A field that the record
 * does not have is undefined, which expressions find absent: `has(record.payload)` is false.
 */
import { UnsignedInt } from "@marcbachmann/cel-js/evaluator";
import { jsonPayloadBytesMax } from "../limits.ts";
import { ExpressionMetadata } from "./expression_metadata.ts";
import { type JsonValue, jsonValue } from "./json_value.ts";
import type { RecordReader } from "./record_reader.ts";
import { timestampDate } from "./timestamp_date.ts";

/** The fields that expressions may read, with their types in the expression language. */
export const recordFields = {
  type: "string",
  key: "bytes",
  metadata: "map<string, string>",
  event_time: "google.protobuf.Timestamp",
  source_id: "string",
  partition: "uint",
  sequence: "uint",
  payload: "dyn",
} as const;

/** The name of a field of `record`. */
export type RecordField = keyof typeof recordFields;

/** The record at hand of a reader. */
export class ExpressionRecord {
  /** What an expression is evaluated with. */
  readonly variables: { readonly record: ExpressionRecord } = { record: this };
  /** Entries and values that the expression may get to see; set before each evaluation. */
  valuesMax: number = Infinity;
  readonly #reader: RecordReader;
  readonly #metadata: ExpressionMetadata;
  #payloadTurn = -1;
  #payload: ReturnType<typeof jsonValue>;

  constructor(reader: RecordReader) {
    this.#reader = reader;
    this.#metadata = new ExpressionMetadata(
      reader,
      (count) => this.#checkCount("metadata", count),
    );
  }

  get type(): string {
    return this.#reader.recordType;
  }

  get key(): Uint8Array {
    const { buffer, byteOffset, length } = this.#reader.view.key(
      this.#reader.index,
    );
    return new Uint8Array(buffer, byteOffset, length);
  }

  get metadata(): Map<string, string> {
    return this.#metadata;
  }

  get event_time(): object | undefined {
    const time = this.#reader.view.eventTime(this.#reader.index);
    return time && timestampDate(time);
  }

  get source_id(): string {
    return this.#reader.view.ids.sourceIds[this.#reader.index]!;
  }

  get partition(): UnsignedInt {
    return new UnsignedInt(
      this.#reader.view.ids.partitions[this.#reader.index]!,
    );
  }

  get sequence(): UnsignedInt {
    return new UnsignedInt(this.#reader.view.ids.sequence(this.#reader.index));
  }

  get payload(): JsonValue | undefined {
    const { view, index, turn } = this.#reader;
    if (this.#payloadTurn !== turn) {
      const bytes = view.payload(index);
      if (bytes.length > jsonPayloadBytesMax) {
        throw new Error(`payload has more than ${jsonPayloadBytesMax} bytes`);
      }
      this.#payload = jsonValue(bytes);
      this.#payloadTurn = turn;
    }
    if (this.#payload === undefined) return undefined;
    this.#checkCount("payload", this.#payload.count);
    return this.#payload.value;
  }

  /** Lets go of what was read. */
  forget(): void {
    this.#payloadTurn = -1;
    this.#metadata.forget();
    this.#payload = undefined;
  }
  #checkCount(field: string, count: number): void {
    if (count <= this.valuesMax) return;
    throw new Error(`${field} has more than ${this.valuesMax} values`);
  }
}
