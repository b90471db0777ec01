import { assert } from "@std/assert";
import { runMutatedCalls } from "./mutated_calls.ts";

// deno task mutate does the same with 100,000 calls, and looks at the memory.
Deno.test("a router answers mutated calls of every method with a status, and serves on", async () => {
  const seed = Math.floor(performance.now() * 1_000) % 2 ** 31;
  const { statuses } = await runMutatedCalls({ calls: 3_000, seed });
  assert(statuses.get("OK")! > 100 && statuses.get("InvalidArgument")! > 500);
});
