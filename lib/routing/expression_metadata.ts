/**
 * The metadata of a record as expressions see it: a map that decodes the entry it is asked for, and
 * all of them only for what takes them together (`size`, a loop, a comparison, a key that is worked
 * out). A record with thousands of entries would otherwise cost each expression milliseconds.
 */
import type { RecordReader } from "./record_reader.ts";

/** The map of the record at hand of a reader. It is not to be written to. */
export class ExpressionMetadata extends Map<string, string> {
  readonly #reader: RecordReader;
  readonly #checkCount: (count: number) => void;
  #turn = -1;
  #entries: ReadonlyMap<string, string> = new Map();

  static {
    // The library knows maps by their constructor.
    Object.defineProperty(this.prototype, "constructor", { value: Map });
  }

  /** `checkCount` throws when the expression may not see so many entries. */
  constructor(reader: RecordReader, checkCount: (count: number) => void) {
    super();
    this.#reader = reader;
    this.#checkCount = checkCount;
  }

  override get(key: string): string | undefined {
    const slot = this.#reader.metadataSlot(key);
    return slot === undefined
      ? this.#all().get(key)
      : this.#reader.metadataValue(slot);
  }

  override has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  override get size(): number {
    return this.#all().size;
  }

  override keys(): MapIterator<string> {
    return this.#all().keys();
  }

  override values(): MapIterator<string> {
    return this.#all().values();
  }

  override entries(): MapIterator<[string, string]> {
    return this.#all().entries();
  }

  override [Symbol.iterator](): MapIterator<[string, string]> {
    return this.entries();
  }

  override forEach(
    each: (value: string, key: string, map: Map<string, string>) => void,
  ): void {
    for (const [key, value] of this.#all()) each(value, key, this);
  }

  /** Lets go of what was read. */
  forget(): void {
    this.#turn = -1;
    this.#entries = new Map();
  }

  #all(): ReadonlyMap<string, string> {
    const { view, index, turn } = this.#reader;
    if (this.#turn !== turn) {
      this.#entries = view.metadata(index);
      this.#turn = turn;
    }
    this.#checkCount(this.#entries.size);
    return this.#entries;
  }
}
