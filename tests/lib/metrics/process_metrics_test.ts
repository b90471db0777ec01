import { assert, assertEquals } from "@std/assert";
import { ProcessMetrics } from "../../../lib/metrics/process_metrics.ts";

Deno.test("ProcessMetrics tells memory, and the worst lag since it was last asked", () => {
  let nowMs = 0;
  let probe: (() => void) | undefined;
  const metrics = new ProcessMetrics({
    soon: () => {},
    after: (_ms, work) => {
      probe = work;
      return () => probe = undefined;
    },
  }, { nowMs: () => nowMs, monotonicMs: () => nowMs });
  const lag = (): number =>
    [...metrics.metrics()].find(({ name }) => name.includes("lag"))!
      .samples[0]!.value;
  for (const late of [20, 700, 30]) {
    nowMs += 500 + late;
    probe!();
  }
  assertEquals(lag(), 0.7);
  assertEquals(lag(), 0);
  const [cpu, rss] = [...metrics.metrics()];
  assert(cpu!.samples[0]!.value > 0);
  assert(rss!.samples[0]!.value > 1e6);
  metrics.close();
  assertEquals(probe, undefined);
});
