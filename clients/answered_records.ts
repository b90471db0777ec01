/**
 * Holds a service to its word: one result for each record it was sent, for no other, and not twice.
 * A record that gets no answer, or another's, would be lost without anybody noticing.
 */
import { Code, ConveyorError, invalidArgument, quote } from "../lib/errors.ts";
import type { MessageInit } from "../proto/codec.ts";
import type { Record, RecordId } from "../proto/messages/common.ts";

/** The records that were sent and are not answered yet. */
export class AnsweredRecords {
  readonly #path: string;
  readonly #owed = new Map<string, number>();
  #count = 0;

  /** `path` names the method in errors. */
  constructor(path: string) {
    this.#path = path;
  }

  /** How many records are owed an answer. */
  get count(): number {
    return this.#count;
  }

  /** The records of a batch that is about to be sent. */
  sendAll(records: unknown, field: string): void {
    if (records === undefined) return;
    if (!Array.isArray(records)) {
      throw invalidArgument(field, "must be an array", records);
    }
    records.forEach((record, i) => this.send(record, `${field}[${i}]`));
  }

  /** A record that is about to be sent; one without identity is InvalidArgument. */
  send(record: MessageInit<Record>, field: string): void {
    const id: MessageInit<RecordId> = record?.id ?? {};
    const sourceId: unknown = id.sourceId;
    // One that is not well-formed would arrive as another, and its result be that of a stranger.
    if (
      typeof sourceId !== "string" || sourceId === "" ||
      !sourceId.isWellFormed()
    ) {
      throw invalidArgument(
        `${field}.id.sourceId`,
        "must be a non-empty string of well-formed Unicode",
        sourceId,
      );
    }
    const key = keyOf(id);
    this.#owed.set(key, (this.#owed.get(key) ?? 0) + 1);
    this.#count++;
  }

  /** A result that came in; one for a record that is not owed an answer is DataLoss. */
  settle(id: RecordId | undefined): void {
    if (!id) throw this.#broken("a result without a record id");
    const key = keyOf(id);
    const owed = this.#owed.get(key);
    if (owed === undefined) {
      throw this.#broken(
        `a result for record ${shown(key)}, which it does not owe`,
      );
    }
    if (owed === 1) this.#owed.delete(key);
    else this.#owed.set(key, owed - 1);
    this.#count--;
  }

  /** No more results follow; records that are still owed one are DataLoss. */
  finish(): void {
    if (this.#count === 0) return;
    const [first] = this.#owed.keys();
    throw this.#broken(
      `no result for ${this.#count} records, the first being ${shown(first!)}`,
    );
  }

  #broken(what: string): ConveyorError {
    return new ConveyorError(
      Code.DataLoss,
      `Cannot trust the answer of "${this.#path}": it has ${what}`,
    );
  }
}

/** The source last, so that whatever it holds no two records have one key. */
function keyOf(id: MessageInit<RecordId>): string {
  return `${id.partition ?? 0}/${id.sequenceNumber ?? 0n}/${id.sourceId ?? ""}`;
}

function shown(key: string): string {
  const [partition, sequence] = key.split("/", 2);
  const sourceId = key.slice(`${partition}/${sequence}/`.length);
  return `${quote(sourceId)}/${partition}/${sequence}`;
}
