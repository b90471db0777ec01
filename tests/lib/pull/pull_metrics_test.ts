import { assertEquals } from "@std/assert";
import { numbers } from "../../../lib/metrics/exposition.ts";
import { pullMetrics } from "../../../lib/pull/pull_metrics.ts";

Deno.test("pullMetrics() tells how many pulls there are, and how many of them fail", () => {
  const pulls = [{ trouble: undefined }, { trouble: new Error("away") }];
  assertEquals(Object.fromEntries(numbers([() => pullMetrics(pulls)])), {
    conveyor_pulls: 2,
    conveyor_pulls_failing: 1,
  });
});
