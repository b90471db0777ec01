import { assertEquals } from "@std/assert";
import { numbers } from "../../../lib/metrics/exposition.ts";
import { nodeMetrics } from "../../../lib/router/node_metrics.ts";

function metricsOf(lead: number): Record<string, number> {
  const cluster = { role: { lead }, members: [1, 2, 3], appliedIndex: 70 };
  return Object.fromEntries(
    numbers([() => nodeMetrics(2, cluster, { count: 4, bytes: 900 })]),
  );
}

Deno.test("nodeMetrics() tells who leads, and what the node keeps", () => {
  assertEquals(metricsOf(2), {
    conveyor_leader_known: 1,
    conveyor_leads: 1,
    conveyor_members: 3,
    conveyor_applied_index: 70,
    conveyor_dead_letters: 4,
    conveyor_dead_letter_bytes: 900,
  });
  assertEquals(metricsOf(1).conveyor_leads, 0);
  assertEquals(metricsOf(0).conveyor_leader_known, 0);
});
