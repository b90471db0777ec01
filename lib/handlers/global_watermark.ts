/**
 * The lowest watermark over all partitions that still report, for answers that carry it. Looking for
 * it costs time for each partition, so with many of them one that was found lately is told again.
 */
import type { Clock } from "../clock.ts";
import {
  globalWatermarkFreshMs,
  globalWatermarkScanMax,
  watermarkIdleMs,
} from "../limits.ts";
import type { KnownWatermark, WatermarksView } from "../state/watermarks.ts";

/** The global watermark, as one node tells it. */
export class GlobalWatermark {
  readonly #clock: Clock;
  #found: KnownWatermark | undefined;
  #foundMs = -Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The lowest over the active partitions; undefined: none is active. */
  of(watermarks: WatermarksView): KnownWatermark | undefined {
    const nowMs = this.#clock.monotonicMs();
    const fresh = nowMs - this.#foundMs < globalWatermarkFreshMs;
    if (fresh && watermarks.size > globalWatermarkScanMax) return this.#found;
    this.#found = watermarks.global(this.#clock.nowMs() - watermarkIdleMs);
    this.#foundMs = nowMs;
    return this.#found;
  }
}
