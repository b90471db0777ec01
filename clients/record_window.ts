/**
 * The credits of a record stream: a record is sent only while the service has room for it, and each
 * answer makes room for one more.
 */
import { recordsInFlightMax, timeoutMsMax } from "../lib/limits.ts";
import type { MessageInit } from "../proto/codec.ts";
import type { Record, RecordId } from "../proto/messages/common.ts";
import { AnsweredRecords } from "./answered_records.ts";

/** Records sent along one stream, within the room the service gives. */
export class RecordWindow {
  readonly #answered: AnsweredRecords;
  #room = 0;
  #pause: ReturnType<typeof setTimeout> | undefined;
  #over = false;
  #wake: (() => void) | undefined;

  /** `path` names the method in errors. The window is shut until `open` is called. */
  constructor(path: string) {
    this.#answered = new AnsweredRecords(path);
  }

  /** The service takes `records` unanswered ones at a time; 0 states no bound of its own. */
  open(records: bigint): void {
    const stated = records === 0n ? recordsInFlightMax : Number(records);
    this.#room = Math.min(stated, recordsInFlightMax) - this.#answered.count;
    this.#wake?.();
  }

  /** The service has room for `records` more, once `waitMs` are over. */
  limit(records: bigint, waitMs: number): void {
    this.#room = Math.min(Number(records), recordsInFlightMax);
    clearTimeout(this.#pause);
    this.#pause = setTimeout(() => {
      this.#pause = undefined;
      // A service that has no room and nothing to answer gets one record to go on with.
      if (this.#room <= 0 && this.#answered.count === 0) this.#room = 1;
      this.#wake?.();
    }, Math.min(waitMs, timeoutMsMax));
  }

  /** Waits for room, then counts `record` as sent; false when the stream is over. */
  async send(record: MessageInit<Record>, field: string): Promise<boolean> {
    await this.#until(() => this.#room > 0 && this.#pause === undefined);
    if (this.#over) return false;
    this.#answered.send(record, field);
    this.#room--;
    return true;
  }

  /** An answer came in; one for a record that was not sent is DataLoss. */
  settle(id: RecordId | undefined): void {
    this.#answered.settle(id);
    this.#room++;
    this.#wake?.();
  }

  /** The service says that it has answered all; records without an answer are DataLoss. */
  finish(): void {
    this.#answered.finish();
  }

  /** Nothing more is sent; whoever waits goes on. */
  end(): void {
    clearTimeout(this.#pause);
    this.#over = true;
    this.#wake?.();
  }

  /** Waits for `end`. */
  async ended(): Promise<void> {
    await this.#until(() => false);
  }

  /** One sender waits at a time: requests of a stream are made one after the other. */
  async #until(holds: () => boolean): Promise<void> {
    while (!this.#over && !holds()) {
      await new Promise<void>((resolve) => this.#wake = resolve);
      this.#wake = undefined;
    }
  }
}
