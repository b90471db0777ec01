import { runKills } from "./flow_kills.ts";

// deno task flow:kills does the same with 20 kills during 50,000 records.
for (const victim of ["sink", "transform", "router"] as const) {
  Deno.test(`every acked record is at the sink after the ${victim} was killed`, async () => {
    const seed = Math.floor(performance.now() * 1_000) % 2 ** 31;
    await runKills({ victim, kills: 1, records: 2_000, seed });
  });
}
