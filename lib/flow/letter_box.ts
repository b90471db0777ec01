/**
 * Records of one stage on their way to the dead letters. A record is settled only when its letter is
 * kept; while the store takes none, letters wait here, and above a bound the stage waits with them.
 */
import type { Load } from "../delivery/load.ts";
import type { Letter } from "../delivery/ports.ts";
import { backoffMs } from "../delivery/retry.ts";
import type { Failure } from "../delivery/work.ts";
import { asConveyorError } from "../errors.ts";
import { codeName } from "../delivery/failure.ts";
import {
  letterBytesAtOnce,
  letterBytesWaitingMax,
  lettersAtOnceMax,
  lettersWaitingMax,
} from "../limits.ts";
import type { StageRun } from "./stage_run.ts";

/** What a letter has besides the record and why it failed. */
export interface LetterParts {
  readonly attempts: number;
  /** In ms since the epoch; undefined: now. */
  readonly firstFailureMs: number | undefined;
}

interface Waiting {
  readonly slot: number;
  readonly letter: Letter;
}

/** The letters of one stage. */
export class LetterBox {
  readonly #stage: StageRun;
  #waiting: Waiting[] = [];
  #bytes = 0;
  #putting = false;
  #failures = 0;
  #trouble: Failure | undefined;
  #cancelTimer: (() => void) | undefined;
  #closed = false;

  constructor(stage: StageRun) {
    this.#stage = stage;
  }

  /** Letters that are not kept yet. */
  get count(): number {
    return this.#waiting.length;
  }

  /** Whether letters are being kept, or are about to be. */
  get busy(): boolean {
    return this.#putting || this.count > 0 && this.#failures === 0;
  }

  /** Whether the stage must wait. */
  get blocks(): boolean {
    return this.#failures > 0 || this.#waiting.length >= lettersWaitingMax ||
      this.#bytes >= letterBytesWaitingMax;
  }

  /** Why letters are not taken; undefined while they are. */
  get trouble(): Failure | undefined {
    return this.#trouble;
  }

  /** Record `i` of `load` is given up. */
  add(load: Load, i: number, failure: Failure, parts: LetterParts): void {
    const { run, settings } = this.#stage;
    const nowMs = run.context.ports.clock.nowMs();
    const slot = load.slots[i]!;
    const replay = run.context.replays.get(slot);
    if (replay !== undefined) replay.failure = failure;
    const { bytes, starts, ends } = load.view;
    const record = bytes.slice(starts[i], ends[i]);
    this.#bytes += record.length;
    run.context.buffer.addDerived(record.length);
    this.#waiting.push({
      slot,
      letter: {
        record,
        lineage: load.lineageOf(i),
        pipelineId: run.pipeline.id,
        stageId: settings.id,
        errorCode: failure.code,
        errorMessage: failure.message,
        attempts: parts.attempts + (replay?.attempts ?? 0),
        firstFailureMs: replay?.firstFailureMs ?? parts.firstFailureMs ?? nowMs,
        lastFailureMs: nowMs,
        replayOf: replay?.letterId,
      },
    });
    this.#put();
  }

  /** Gives up the letters that wait. */
  giveUp(each: (slot: number) => void): void {
    this.close();
    this.#letGo(this.#waiting);
    for (const { slot } of this.#waiting.splice(0)) each(slot);
  }

  /** Keeps no more letters. */
  close(): void {
    this.#closed = true;
    this.#cancelTimer?.();
    this.#cancelTimer = undefined;
  }

  #put(): void {
    if (this.#putting || this.#cancelTimer || this.#closed) return;
    const batch = this.#nextBatch();
    if (batch.length === 0) return;
    const { context, pipeline } = this.#stage.run;
    this.#putting = true;
    const letters = batch.map(({ letter }) => letter);
    context.ports.deadLetters.put(letters, pipeline.deadLetter).then(
      (kept) => this.#kept(batch.slice(0, kept)),
      (error) => this.#refused(error),
    );
  }

  #nextBatch(): Waiting[] {
    let bytes = 0;
    let count = 0;
    while (count < this.#waiting.length && count < lettersAtOnceMax) {
      bytes += this.#waiting[count]!.letter.record.length;
      if (count > 0 && bytes > letterBytesAtOnce) break;
      count++;
    }
    return this.#waiting.slice(0, count);
  }

  #kept(batch: readonly Waiting[]): void {
    this.#putting = false;
    if (this.#closed) return;
    const { run, counters } = this.#stage;
    this.#letGo(batch);
    this.#waiting = this.#waiting.slice(batch.length);
    this.#failures = 0;
    this.#trouble = undefined;
    counters.deadLettered += batch.length;
    run.context.counters.deadLettered += batch.length;
    for (const { slot } of batch) run.settle(slot);
    this.#put();
    this.#stage.wake();
    run.callEnded();
  }

  #letGo(letters: readonly Waiting[]): void {
    const { buffer } = this.#stage.run.context;
    for (const { letter: { record } } of letters) {
      this.#bytes -= record.length;
      buffer.removeDerived(record.length);
    }
  }

  #refused(thrown: unknown): void {
    this.#putting = false;
    if (this.#closed) return;
    const error = asConveyorError(thrown);
    const { run, settings } = this.#stage;
    const { scheduler, random } = run.context.ports;
    this.#failures++;
    this.#trouble = { code: codeName(error.code), message: error.message };
    this.#cancelTimer = scheduler.after(
      backoffMs(settings.retry, this.#failures, random),
      () => {
        this.#cancelTimer = undefined;
        this.#put();
      },
    );
    run.callEnded();
  }
}
