/**
 * One stream of a source: its batches come in here, and what becomes of each record goes out, with
 * credit and the level of pressure. Work is done per batch; the source hears in one message of all
 * records of a batch whose outcome became known at a time.
 */
import { Credits, grantNow } from "../delivery/credits.ts";
import { type Intake, Outcome } from "../delivery/intake.ts";
import type { Load } from "../delivery/load.ts";
import { pauses, pressureLevel } from "../delivery/pressure.ts";
import { Code, ConveyorError } from "../errors.ts";
import type { BackpressureLevel } from "../../proto/messages/source.ts";
import { WireError } from "../../proto/wire.ts";
import { admit, type Admitted } from "./admission.ts";
import type { FlowContext } from "./flow_context.ts";
import { type BatchSender, SourceBatch } from "./source_batch.ts";
import type { Source, Sources, Taker } from "./sources.ts";
import { stopping } from "./stopping.ts";

/**
 * What a source is told: within `accept`, or when something has become known. The functions must not
 * throw, nor call `accept`.
 */
export interface SourceListener {
  /** What became of the records in `intake.fresh`, the first `freshCount` of it. Valid for the call. */
  acked(intake: Intake): void;
  /** It may send so many records more; what is left of them lapses then, in ms since the epoch. */
  granted(records: number, untilMs: number): void;
  /** How full the source's bound is has changed. */
  pressed(level: BackpressureLevel, pause: boolean): void;
  /** `mayRead` has become true again. */
  readable(): void;
}

/** A source that the router itself asks for records: it needs no credit, and gets none. */
export interface PulledSource {
  readonly sourceId: string;
  /** The largest batch that is to be expected. */
  readonly batchRecords: number;
}

/** What a session asks of the flow. */
export interface SessionHost {
  readonly context: FlowContext;
  readonly sources: Sources;
  /** Whether no more records are taken. */
  readonly draining: boolean;
  /** The source stages that take the records of `source` now. */
  readonly takersOf: (source: Source) => readonly Taker[];
  readonly sessionClosed: (session: SourceSession) => void;
  /** The session waits for room: it is to look when there may be some. */
  readonly sessionWaits: (session: SourceSession) => void;
}

/** A stream of a source. */
export class SourceSession implements BatchSender {
  readonly #host: SessionHost;
  readonly #listener: SourceListener;
  readonly #pulledFrom: string | undefined;
  readonly #credits: Credits = new Credits();
  /** The source whose records came last. */
  #source: Source | undefined;
  #underWay = 0;
  #largestRecords = 1;
  #largestBytes = 1;
  #level: BackpressureLevel = 0;
  #waitsToRead = false;
  #closed = false;

  constructor(
    host: SessionHost,
    listener: SourceListener,
    pulled?: PulledSource,
  ) {
    this.#host = host;
    this.#listener = listener;
    this.#pulledFrom = pulled?.sourceId;
    if (pulled) {
      this.#source = host.sources.get(pulled.sourceId);
      this.#largestRecords = pulled.batchRecords;
    }
    this.#grant();
  }

  /** Records of the stream that are not answered. */
  get underWay(): number {
    return this.#underWay;
  }

  /** Whether this node knows of no pipeline that takes the source; nor of the source before its first batch. */
  get unclaimed(): boolean {
    return this.#source === undefined ||
      this.#host.takersOf(this.#source).length === 0;
  }

  /** Whether there is room for one more batch. While there is not, the stream is not to be read. */
  get mayRead(): boolean {
    const may = this.#hasRoom();
    this.#waitsToRead = !may;
    if (!may) this.#host.sessionWaits(this);
    return may;
  }

  /**
   * Takes the serialized conveyor.common.RecordBatch in a range of `bytes`, which must not change
   * any more. Throws when no record of it is taken: InvalidArgument when it is malformed, Unavailable once
   * the flow drains. A source sends again what was not answered; a rejection it might take for the last word.
   */
  accept(bytes: Uint8Array, start = 0, end: number = bytes.length): void {
    const { context, sources, draining, takersOf } = this.#host;
    if (draining) throw stopping("take records");
    const { tracker, views, ports } = context;
    const view = views.records.take();
    try {
      view.reset(bytes).addBatch(start, end);
    } catch (error) {
      throw malformed(error);
    }
    const batch = new SourceBatch(context, this, view);
    const intake = tracker.openIntake(batch, view.batchId, view.ids);
    const slots = new Uint32Array(intake.count);
    const nowMs = ports.clock.monotonicMs();
    const admitted = admit(
      {
        context,
        sources,
        takersOf,
        pulledFrom: this.#pulledFrom,
        credit: this.#pulledFrom !== undefined
          ? intake.count
          : this.#spend(intake.count, view.ids.sourceIds[0], nowMs),
        bytes: end - start,
        nowMs,
        holdUntilMs: nowMs + context.options.refusedHoldMs,
      },
      intake,
      slots,
    );
    this.#largestRecords = Math.max(this.#largestRecords, intake.count);
    // One that is too large for the router is not waited for: it is rejected.
    if (end - start <= context.buffer.bounds.bytesMax) {
      this.#largestBytes = Math.max(this.#largestBytes, end - start);
    }
    this.#underWay += intake.open;
    batch.admitted(intake.open);
    if (admitted.length > 0) {
      batch.holdBytes(admitted[0]!.source.account, end - start);
      const load = batch.loadOf(slots);
      enter(admitted, load);
      load.release();
    }
    if (intake.count === 0) tracker.tell(intake);
    context.tell();
    this.look();
  }

  batchTold(intake: Intake, wereUnderWay: number): void {
    this.#underWay -= wereUnderWay;
    this.#count(intake);
    if (this.#closed) return;
    this.#listener.acked(intake);
    this.look();
  }

  /** Looks at credit, pressure and room, and tells the source what has changed. */
  look(): void {
    if (this.#closed) return;
    this.#grant();
    if (this.#source !== undefined) {
      const fraction = this.#host.context.buffer.fraction(this.#source.account);
      const level = pressureLevel(fraction, this.#level);
      if (level !== this.#level) {
        this.#level = level;
        this.#listener.pressed(level, pauses(level));
      }
    }
    if (!this.#waitsToRead || !this.#hasRoom()) return;
    this.#waitsToRead = false;
    this.#listener.readable();
  }

  /** Tells the source nothing any more. Its records go on. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#host.sessionClosed(this);
  }

  #count({ fresh, freshCount, outcomes }: Intake): void {
    const { counters } = this.#host.context;
    for (let n = 0; n < freshCount; n++) {
      const outcome = outcomes[fresh[n]!]!;
      if (outcome === Outcome.Accepted) counters.accepted++;
      else if (outcome === Outcome.Duplicate) counters.duplicates++;
      else counters.rejected++;
    }
  }

  /** Whether the session still waits for room. */
  get waits(): boolean {
    return this.#waitsToRead && !this.#closed;
  }

  /** Spends credit for so many records; returns for how many there is. */
  #spend(records: number, sourceId: string | undefined, nowMs: number): number {
    if (sourceId) this.#source = this.#host.sources.get(sourceId);
    const spent = this.#credits.spend(records, nowMs);
    if (spent === records || this.#source === undefined) return spent;
    return spent + this.#source.credits.spend(records - spent, nowMs);
  }

  #grant(): void {
    const { context, draining } = this.#host;
    if (draining || this.#pulledFrom !== undefined) return;
    const { options, buffer, ports: { clock } } = context;
    const nowMs = clock.monotonicMs();
    const records = grantNow({
      window: options.creditWindowRecords,
      underWay: this.#underWay,
      available: this.#credits.available(nowMs),
      room: this.#source === undefined
        ? options.creditWindowRecords
        : buffer.recordRoom(this.#source.account),
    });
    if (records === 0) return;
    this.#credits.grant(records, nowMs + options.creditTtlMs);
    this.#listener.granted(records, clock.nowMs() + options.creditTtlMs);
  }

  #hasRoom(): boolean {
    if (this.#source === undefined) return true;
    const { buffer } = this.#host.context;
    const { account } = this.#source;
    const records = account.records === 0 ? 1 : this.#largestRecords;
    return buffer.recordRoom(account) >= records &&
      buffer.fits(account, this.#largestBytes);
  }
}

function enter(admitted: readonly Admitted[], load: Load): void {
  for (const { takers, places } of admitted) {
    const records = places === undefined ? "all" : Uint32Array.from(places);
    for (const { run, stage } of takers) run.enter(stage, load, records);
  }
}

function malformed(error: unknown): unknown {
  if (!(error instanceof WireError)) return error;
  return new ConveyorError(
    Code.InvalidArgument,
    `Cannot take batch: ${error.message}`,
    {
      details: [{ field: "batch", description: error.message }],
      cause: error,
    },
  );
}
