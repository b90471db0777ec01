/** The metrics of the pulls of one process, in the names that a scraper sees. */
import { type Metric, single } from "../metrics/sample.ts";

/** All of them, as they are now. */
export function* pullMetrics(
  pulls: readonly { readonly trouble: unknown }[],
): Generator<Metric, void, void> {
  yield single(
    "conveyor_pulls",
    "gauge",
    "Sources, or partitions of sources, that are pulled from here.",
    pulls.length,
  );
  yield single(
    "conveyor_pulls_failing",
    "gauge",
    "Of these, those that nothing can be pulled from now.",
    pulls.filter(({ trouble }) => trouble !== undefined).length,
  );
}
