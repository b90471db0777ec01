import { runSidecarKills } from "./sidecar_kills.ts";

// deno task pods:kills kills all three pods during 50,000 records.
Deno.test("every acked record is at a sink after a pod was killed, whose stages have moved", async () => {
  const seed = Math.floor(performance.now() * 1_000) % 2 ** 31;
  const victims = [seed % 3];
  await runSidecarKills({ records: 4_000, victims, seed, patience: 4 });
});
