/**
 * What the answers of transforms and sinks have in common: a batch id, and results that each name a
 * record and may carry an error. A view does not copy: the bytes must stay unchanged while it, or
 * anything that it returned, is in use.
 */
import { invariant } from "../lib/invariant.ts";
import { FieldReader } from "./field_reader.ts";
import { RecordIds } from "./record_ids.ts";
import { cachedText } from "./text_cache.ts";

/** The ids of the records that were sent, as their bytes are. */
export interface SentIds {
  readonly count: number;
  /** Where the id of record `n`, with its tag, ends in `answer` if it stands at `pos`, before `end`; else -1. */
  idEnd(n: number, answer: DataView, pos: number, end: number): number;
}

const empty: Uint8Array = new Uint8Array(0);

/** Results of one buffer, as columns; what lies beyond `count` in them is stale. */
export abstract class ResultView {
  /** The buffer that all ranges refer to. */
  bytes: Uint8Array = empty;
  /** The batch that was answered. */
  batchId = "";
  /** The records that the results are about. */
  readonly ids: RecordIds = new RecordIds();
  protected readonly reader: FieldReader = new FieldReader(empty);
  readonly #errorStarts: number[] = [];
  readonly #errorEnds: number[] = [];

  /** How many results there are. */
  get count(): number {
    return this.ids.count;
  }

  /** Forgets all results and turns to `bytes`; the room of the columns is kept. */
  reset(bytes: Uint8Array): this {
    this.bytes = bytes;
    this.batchId = "";
    this.ids.reset();
    this.reader.reset(bytes);
    return this;
  }

  /** The error message of result `i`; empty when there is none. */
  error(i: number): string {
    invariant(i >= 0 && i < this.count, `no result ${i} of ${this.count}`);
    return cachedText(this.bytes, this.#errorStarts[i]!, this.#errorEnds[i]!);
  }

  /** Adds the one result message in a range of the buffer. */
  addResult(start: number = 0, end: number = this.bytes.length): this {
    this.#within(start, end);
    this.#walk(end);
    return this;
  }

  /** Adds the results of the response message in a range of the buffer. */
  addResponse(start: number = 0, end: number = this.bytes.length): this {
    const { reader } = this;
    this.#within(start, end);
    while (reader.pos < end) {
      const from = reader.pos;
      const tag = reader.field();
      if (tag === 0x0a) {
        this.batchId = cachedText(this.bytes, reader.pos, reader.valueEnd);
        reader.pos = reader.valueEnd;
      } else if (tag === this.resultsTag) {
        this.#walk(reader.valueEnd);
        reader.end = end;
      } else this.readResponseField(tag, from);
    }
    return this;
  }

  /** Where the results of the response begin, behind its id; -1 when it is long. */
  protected firstResult(): number {
    const { bytes } = this;
    if (bytes[0] !== 0x0a) return 0;
    const end = 2 + bytes[1]!;
    return bytes[1]! < 128 && end <= bytes.length ? end : -1;
  }

  /** The tag of the response's results. */
  protected abstract readonly resultsTag: number;
  /** Reads a field of the response that is neither its id nor a result. */
  protected abstract readResponseField(tag: number, start: number): void;
  /** Gives result `i` the defaults of its own columns. */
  protected abstract clear(i: number): void;
  /** Reads a field of result `i` other than the record's id. */
  protected abstract readField(i: number, tag: number, start: number): void;

  /** Reads the error message of result `i`. */
  protected readError(i: number): void {
    this.#errorStarts[i] = this.reader.pos;
    this.reader.skipText();
    this.#errorEnds[i] = this.reader.pos;
  }

  #walk(end: number): void {
    const { reader } = this;
    const i = this.ids.add(reader.pos);
    this.#errorStarts[i] = this.#errorEnds[i] = 0;
    this.clear(i);
    reader.end = end;
    while (reader.pos < end) {
      const start = reader.pos;
      const tag = reader.field();
      if (tag === 0x0a) this.ids.read(reader, i);
      else this.readField(i, tag, start);
    }
  }

  #within(start: number, end: number): void {
    invariant(
      start >= 0 && start <= end && end <= this.bytes.length,
      `no range ${start} to ${end} in ${this.bytes.length} bytes`,
    );
    this.reader.pos = start;
    this.reader.end = end;
  }
}
