/**
 * Acks on their way to a source that is pulled from: what gathers while one call is under way goes with
 * the next, so that the number of calls grows with the time that they take and not with that of batches.
 * A source that does not take acks is told none.
 */
import {
  backoffMs,
  isTransient,
  resolveRetryPolicy,
} from "../delivery/retry.ts";
import type { Intake } from "../delivery/intake.ts";
import { asConveyorError, Code, type ConveyorError } from "../errors.ts";
import { writeRecordAcks } from "../handlers/record_acks.ts";
import { pullAckBytes } from "../limits.ts";
import { systemRandom } from "../random.ts";
import type { Scheduler } from "../scheduler.ts";
import { WireWriter } from "../../proto/wire_writer.ts";

/** AckRequest.record_acks */
const acksTag = 0x1a;

/** What acks are sent with. */
export interface PullAcksParts {
  /** Sends a serialized AckRequest; rejects when it was not taken. */
  readonly send: (request: Uint8Array) => Promise<unknown>;
  readonly sourceId: string;
  readonly consumerId: string;
  readonly scheduler: Scheduler;
  /** Told when acks have been taken, and when they never will be. */
  readonly changed: (failure?: ConveyorError) => void;
}

interface Chunk {
  readonly bytes: Uint8Array;
  readonly records: number;
}

/** The acks of one pull. */
export class PullAcks {
  readonly #parts: PullAcksParts;
  readonly #head: Uint8Array;
  readonly #policy = resolveRetryPolicy();
  readonly #chunks: Chunk[] = [];
  #waiting = 0;
  #sending = false;
  #unwanted = false;
  #closed = false;
  #cancelPause = (): void => {};

  constructor(parts: PullAcksParts) {
    this.#parts = parts;
    this.#head = new WireWriter().uint32(0x0a).string(parts.sourceId)
      .uint32(0x12).string(parts.consumerId).finish();
  }

  /** Records that the source has not been told of. */
  get waiting(): number {
    return this.#waiting;
  }

  /** The outcome of records has become known. */
  add(intake: Intake): void {
    if (this.#closed || this.#unwanted) return;
    const records = intake.freshCount;
    const writer = new WireWriter(records * 40);
    writeRecordAcks(writer, acksTag, intake);
    this.#chunks.push({ bytes: writer.finish(), records });
    this.#waiting += records;
    if (!this.#sending) void this.#send();
  }

  /** Sends nothing any more. */
  close(): void {
    this.#closed = true;
    this.#cancelPause();
  }

  async #send(): Promise<void> {
    this.#sending = true;
    while (this.#chunks.length > 0 && !this.#closed) {
      const { request, records } = this.#next();
      try {
        await this.#sendOne(request);
      } catch (thrown) {
        const error = asConveyorError(thrown);
        if (error.code !== Code.Unimplemented) {
          this.#parts.changed(error);
          break;
        }
        this.#unwanted = true;
        this.#chunks.length = 0;
        this.#waiting = records;
      }
      this.#waiting -= records;
      this.#parts.changed();
    }
    this.#sending = false;
  }

  /** One call, until it has gone well or will not. */
  async #sendOne(request: Uint8Array): Promise<void> {
    for (let attempts = 1;; attempts++) {
      try {
        await this.#parts.send(request);
        return;
      } catch (error) {
        const transient = isTransient(asConveyorError(error).code);
        if (this.#closed || !transient) throw error;
        if (attempts >= this.#policy.maxAttempts) throw error;
        await this.#pause(backoffMs(this.#policy, attempts, systemRandom));
      }
    }
  }

  /** The acks that go next, as many as one call takes. */
  #next(): { readonly request: Uint8Array; readonly records: number } {
    const taken: Uint8Array[] = [this.#head];
    let bytes = this.#head.length;
    let records = 0;
    for (const chunk of this.#chunks) {
      if (records > 0 && bytes + chunk.bytes.length > pullAckBytes) break;
      taken.push(chunk.bytes);
      bytes += chunk.bytes.length;
      records += chunk.records;
    }
    this.#chunks.splice(0, taken.length - 1);
    const request = new Uint8Array(bytes);
    let at = 0;
    for (const part of taken) {
      request.set(part, at);
      at += part.length;
    }
    return { request, records };
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#parts.scheduler.after(ms, resolve);
      this.#cancelPause = () => {
        cancel();
        resolve();
      };
    });
  }
}
