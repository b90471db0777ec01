/**
 * Sends dead letters through again, a bounded number at a time. A letter leaves the store only when it
 * is settled; a caller that goes away leaves those under way to end as they will, and begins no more.
 */
import type { MessageInit } from "../../proto/codec.ts";
import {
  type ReplayResult,
  ReplayStatus,
} from "../../proto/messages/dead_letters.ts";
import { codeName } from "../delivery/failure.ts";
import { Code, ConveyorError } from "../errors.ts";
import type { Flow } from "../flow/flow.ts";
import type { ReplayOutcome } from "../flow/replayer.ts";
import { letterReplayPauseMs, letterReplaysMax } from "../limits.ts";
import type { Scheduler } from "../scheduler.ts";
import type { KvDeadLetters } from "../storage/kv_dead_letters.ts";
import type { KeptLetter, LetterFilter } from "../storage/letter.ts";

/** The letters that are sent. */
export type ReplayedLetters = Pick<
  KvDeadLetters,
  "get" | "hold" | "lastId" | "release" | "settle" | "slices"
>;

/** Where they are sent. */
export type ReplayPort = Pick<Flow, "replay">;

/** What a replay works on. */
export interface LetterReplayParts {
  readonly letters: ReplayedLetters;
  readonly flow: ReplayPort;
  readonly scheduler: Scheduler;
}

type Result = MessageInit<ReplayResult>;

/** One call for a replay. */
export class LetterReplay {
  readonly #parts: LetterReplayParts;
  readonly #fromSource: boolean;
  readonly #signal: AbortSignal;
  #results: Result[] = [];
  #failed: { readonly reason: unknown } | undefined;
  #underWay = 0;
  #wake: (() => void) | undefined;

  constructor(
    parts: LetterReplayParts,
    fromSource: boolean,
    signal: AbortSignal,
  ) {
    this.#parts = parts;
    this.#fromSource = fromSource;
    this.#signal = signal;
  }

  /** What becomes of each letter that `filter` selects, as it is known. */
  async *run(filter: LetterFilter): AsyncGenerator<Result, void, void> {
    const { letters } = this.#parts;
    // Letters that come of the replay itself have higher ids: they wait for the next one.
    const { lastId } = letters;
    const missing = new Set(filter.ids);
    for await (const slice of letters.slices(filter)) {
      for (const { id } of slice) {
        missing.delete(id);
        if (id > lastId || this.#isOver) continue;
        this.#begin(id);
        while (this.#underWay >= letterReplaysMax) yield* await this.#next();
      }
    }
    while (this.#underWay > 0 || this.#results.length > 0) {
      yield* await this.#next();
    }
    if (this.#failed) throw this.#failed.reason;
    for (const deadLetterId of missing) {
      yield { deadLetterId, status: ReplayStatus.NotFound };
    }
  }

  get #isOver(): boolean {
    return this.#signal.aborted || this.#failed !== undefined;
  }

  #begin(id: string): void {
    this.#underWay++;
    this.#send(id).then(
      (result) => this.#results.push(result),
      (reason) => this.#failed ??= { reason },
    ).finally(() => {
      this.#underWay--;
      this.#wake?.();
    });
  }

  /** The results since the last call; waits for one. */
  async #next(): Promise<readonly Result[]> {
    if (this.#results.length === 0) {
      await new Promise<void>((resolve) => this.#wake = resolve);
    }
    return this.#results.splice(0);
  }

  async #send(id: string): Promise<Result> {
    const { letters } = this.#parts;
    if (!letters.hold(id)) return refused(id, "another call has it");
    let settled = false;
    try {
      const letter = await letters.get(id);
      if (letter === undefined) {
        return { deadLetterId: id, status: ReplayStatus.NotFound };
      }
      const outcome = await this.#replay(letter);
      settled = outcome.kind === "settled";
      if (settled) await letters.settle(id);
      return resultOf(id, outcome);
    } catch (error) {
      if (settled || !(error instanceof ConveyorError)) throw error;
      return refused(id, error.message, error.code);
    } finally {
      if (!settled) letters.release(id);
    }
  }

  /** Sends the letter as soon as there is room for it. */
  async #replay(letter: KeptLetter): Promise<ReplayOutcome> {
    const { flow, scheduler } = this.#parts;
    const { id: letterId, record, lineage, pipelineId, attempts } = letter;
    const { firstFailureMs } = letter;
    const stageId = this.#fromSource ? undefined : letter.stageId;
    for (;;) {
      try {
        return await flow.replay({
          letterId,
          record,
          lineage,
          pipelineId,
          stageId,
          attempts,
          firstFailureMs,
        });
      } catch (error) {
        const full = error instanceof ConveyorError &&
          error.code === Code.ResourceExhausted;
        if (!full || this.#signal.aborted) throw error;
        await new Promise<void>((resolve) => {
          scheduler.after(letterReplayPauseMs, resolve);
        });
      }
    }
  }
}

function resultOf(deadLetterId: string, outcome: ReplayOutcome): Result {
  switch (outcome.kind) {
    case "settled":
      return { deadLetterId, status: ReplayStatus.Settled };
    case "failed": {
      const { code: errorCode, message: errorMessage } = outcome.failure;
      const status = ReplayStatus.Failed;
      return { deadLetterId, status, errorCode, errorMessage };
    }
    case "given_up":
      return refused(
        deadLetterId,
        "its pipeline was removed or updated meanwhile",
      );
    default:
      return outcome satisfies never;
  }
}

function refused(
  deadLetterId: string,
  errorMessage: string,
  code: Code = Code.FailedPrecondition,
): Result {
  const status = ReplayStatus.Refused;
  return { deadLetterId, status, errorCode: codeName(code), errorMessage };
}
