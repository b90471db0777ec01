/**
 * How far the partitions of all sources have come. A watermark only rises; the global one is the
 * lowest of the partitions that are active, so that nothing older follows from any of them. It does
 * not fall either, when a partition comes late or comes back: its records are late, not the clock.
 */
import type { Watermark } from "../../proto/messages/common.ts";
import type { Timestamp } from "../../proto/messages/google.ts";
import { watermarkPartitionsMax } from "../limits.ts";

/** What became of a report: `full` when it is of one partition more than are kept. */
export type RaiseResult = "raised" | "lower" | "full";

interface Mark {
  watermark: Watermark;
  heardAtMs: number;
}

/** The watermarks of one node. Time is what the caller says it is. */
export class Watermarks {
  /** A partition that nothing is heard of for this long no longer holds the others back. */
  readonly #idleTimeoutMs: number;
  readonly #sources: Map<string, Map<number, Mark>> = new Map();
  #size = 0;
  #global: Watermark | undefined;
  #lastSweepMs = -Infinity;

  constructor(idleTimeoutMs: number) {
    this.#idleTimeoutMs = idleTimeoutMs;
  }

  /** Takes a report: position and time rise each for itself, what is lower changes nothing. */
  raise(report: Watermark, atMs: number): RaiseResult {
    const { sourceId, partition } = report;
    const mark = this.#mark(sourceId, partition);
    if (mark === undefined) return this.#add(report, atMs);
    mark.heardAtMs = Math.max(mark.heardAtMs, atMs);
    const { position, timestamp } = mark.watermark;
    const further = report.position > position;
    const later = isLater(report.timestamp, timestamp);
    if (!further && !later) return "lower";
    mark.watermark = {
      sourceId,
      partition,
      position: further ? report.position : position,
      timestamp: later ? report.timestamp : timestamp,
    };
    return "raised";
  }

  /** Notes that a partition is active although it reported nothing. */
  touch(sourceId: string, partition: number, atMs: number): void {
    const mark = this.#mark(sourceId, partition);
    if (mark !== undefined) mark.heardAtMs = Math.max(mark.heardAtMs, atMs);
  }

  /** The watermark of a partition, if it has reported one. */
  get(sourceId: string, partition: number): Watermark | undefined {
    return this.#mark(sourceId, partition)?.watermark;
  }

  /**
   * The lowest watermark of the active partitions that have told a time; while there is none, the
   * one that there was. Looks at all partitions.
   */
  global(atMs: number): Watermark | undefined {
    let lowest: Watermark | undefined;
    for (const partitions of this.#sources.values()) {
      for (const { watermark, heardAtMs } of partitions.values()) {
        if (
          watermark.timestamp === undefined || this.#isIdle(heardAtMs, atMs)
        ) {
          continue;
        }
        if (
          lowest === undefined || isLater(lowest.timestamp, watermark.timestamp)
        ) lowest = watermark;
      }
    }
    if (isLater(lowest?.timestamp, this.#global?.timestamp)) {
      this.#global = lowest;
    }
    return this.#global;
  }

  #mark(sourceId: string, partition: number): Mark | undefined {
    return this.#sources.get(sourceId)?.get(partition);
  }

  #add(watermark: Watermark, atMs: number): RaiseResult {
    if (this.#size >= watermarkPartitionsMax) this.#forgetIdle(atMs);
    if (this.#size >= watermarkPartitionsMax) return "full";
    let partitions = this.#sources.get(watermark.sourceId);
    if (partitions === undefined) {
      partitions = new Map();
      this.#sources.set(watermark.sourceId, partitions);
    }
    partitions.set(watermark.partition, { watermark, heardAtMs: atMs });
    this.#size++;
    return "raised";
  }

  /** Makes room, at most once in each idle time-out: it looks at all partitions. */
  #forgetIdle(atMs: number): void {
    if (!this.#isIdle(this.#lastSweepMs, atMs)) return;
    this.#lastSweepMs = atMs;
    for (const [sourceId, partitions] of this.#sources) {
      for (const [partition, { heardAtMs }] of partitions) {
        if (!this.#isIdle(heardAtMs, atMs)) continue;
        partitions.delete(partition);
        this.#size--;
      }
      if (partitions.size === 0) this.#sources.delete(sourceId);
    }
  }

  #isIdle(heardAtMs: number, atMs: number): boolean {
    return atMs - heardAtMs >= this.#idleTimeoutMs;
  }
}

/** Whether `a` is a later time than `b`; any time is later than none. */
function isLater(a: Timestamp | undefined, b: Timestamp | undefined): boolean {
  if (a === undefined) return false;
  if (b === undefined || a.seconds > b.seconds) return true;
  return a.seconds === b.seconds && a.nanos > b.nanos;
}
