/** Dead letters as the store keeps and gives them, and how they are selected. */
import type { Letter } from "../delivery/ports.ts";

/** What is known of a letter beside its record. */
export interface LetterHead {
  /** Unique in the cluster; ascends with the time at which the letter was first kept. */
  readonly id: string;
  readonly pipelineId: string;
  readonly stageId: string;
  readonly errorCode: string;
  readonly errorMessage: string;
  /** As a Letter has it: what is made of the record in a replay is what was made of it before. */
  readonly lineage: number;
  /** Attempts in all, those of replays included. */
  readonly attempts: number;
  /** In ms since the epoch. */
  readonly firstFailureMs: number;
  readonly lastFailureMs: number;
  /** From when on the letter is no longer kept. */
  readonly expiresAtMs: number;
}

/** A letter with its record, as it went into the stage that failed. */
export interface KeptLetter extends LetterHead {
  readonly record: Uint8Array;
  /** Node that keeps it. */
  readonly nodeId: number;
}

/** Selects letters: all parts that are there must hold. */
export interface LetterFilter {
  readonly pipelineId?: string;
  readonly stageId?: string;
  readonly errorCode?: string;
  /** Last failure then or later, in ms since the epoch. */
  readonly failedFromMs?: number;
  /** Last failure before then. */
  readonly failedBeforeMs?: number;
  readonly ids?: readonly string[];
}

/** How many letters of one pipeline, stage and kind of failure. */
export interface LetterCount {
  readonly pipelineId: string;
  readonly stageId: string;
  readonly errorCode: string;
  readonly count: number;
}

/** How many letters there are. */
export interface LetterStats {
  readonly count: number;
  /** Bytes that they take in the store. */
  readonly bytes: number;
  /** Earliest and latest last failure; undefined without letters. */
  readonly oldestMs: number | undefined;
  readonly newestMs: number | undefined;
  /** The most frequent first. */
  readonly counts: readonly LetterCount[];
}

/** Takes letters of pipelines that have them sent to a sink service. */
export interface LetterSinkPort {
  /**
   * Resolves with those that the service will never take, when it has all others; rejects when it may not
   * have them, and is asked again then.
   */
  put(
    serviceName: string,
    letters: readonly Letter[],
    signal: AbortSignal,
  ): Promise<readonly Letter[]>;
}
