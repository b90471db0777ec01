import { runControlKills } from "./control_kills.ts";

// deno task control:kills does the same with 18 kills.
Deno.test({
  name:
    "offsets, checkpoints, pipelines, registrations and assignments are linearizable while routers are killed",
  // grpc-js leaves the backoff timer of a router that went away.
  sanitizeOps: false,
  sanitizeResources: false,
  fn: async () => {
    const seed = Math.floor(performance.now() * 1_000) % 2 ** 31;
    await runControlKills({ kills: 2, clients: 8, seed });
  },
});
