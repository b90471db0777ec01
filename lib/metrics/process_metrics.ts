/** What the process tells of itself: processor time, memory, and how late the event loop is. */
import type { Clock } from "../clock.ts";
import type { Scheduler } from "../scheduler.ts";
import { loopLagProbeMs } from "../limits.ts";
import { processUse } from "./process_share.ts";
import { type Metric, single } from "./sample.ts";

/** Watches the process until it is closed. */
export class ProcessMetrics {
  readonly #scheduler: Scheduler;
  readonly #clock: Clock;
  #cancel: () => void;
  #lagMs = 0;

  constructor(scheduler: Scheduler, clock: Clock) {
    this.#scheduler = scheduler;
    this.#clock = clock;
    this.#cancel = this.#probe();
  }

  /** The metrics now. The lag is the worst since the last call. */
  *metrics(): Generator<Metric, void, void> {
    const { rss, heapUsed, external } = Deno.memoryUsage();
    yield single(
      "process_cpu_seconds_total",
      "counter",
      "Processor time that the process has used.",
      processUse().cpuMs / 1_000,
    );
    yield single(
      "process_resident_memory_bytes",
      "gauge",
      "Resident memory of the process.",
      rss,
    );
    yield single(
      "conveyor_heap_used_bytes",
      "gauge",
      "JavaScript heap in use.",
      heapUsed,
    );
    yield single(
      "conveyor_external_memory_bytes",
      "gauge",
      "Memory that the heap refers to outside of it.",
      external,
    );
    yield single(
      "conveyor_event_loop_lag_seconds",
      "gauge",
      "Longest delay of the event loop since the last reading.",
      this.#lagMs / 1_000,
    );
    this.#lagMs = 0;
  }

  close(): void {
    this.#cancel();
  }

  #probe(): () => void {
    const dueMs = this.#clock.monotonicMs() + loopLagProbeMs;
    return this.#scheduler.after(loopLagProbeMs, () => {
      const lateMs = this.#clock.monotonicMs() - dueMs;
      this.#lagMs = Math.max(this.#lagMs, lateMs);
      this.#cancel = this.#probe();
    });
  }
}
