/**
 * A short simulation for every change; `deno task sim` runs longer ones.
 */
import { assert, assertEquals } from "@std/assert";
import { configureLog } from "../../lib/log.ts";
import { simulate } from "./simulation.ts";

// Nodes that stop are what a simulation is about.
configureLog({ level: "CRITICAL" });

const seeds = 30;
const events = 3_000;

Deno.test("simulate() finds nothing wrong with the cluster, whatever goes wrong around it", async () => {
  const first = Number(
    Deno.env.get("SEED") ?? Math.floor(Math.random() * 2 ** 31),
  );
  for (let seed = first; seed < first + seeds; seed++) {
    const { violation, acknowledged } = await simulate({ seed, events });
    assertEquals(
      violation,
      undefined,
      `SEED=${seed}: deno task sim --seeds 1 --seed ${seed} --events ${events}`,
    );
    assert(acknowledged > 0, `SEED=${seed}: no operation was answered`);
  }
});

// Always the same: what a few seeds drawn at random bring on differs too much.
Deno.test("simulate() brings on what a cluster may meet", async () => {
  const kinds = new Set<string>();
  const sums = { terms: 0, snapshotsInstalled: 0, membershipChanges: 0 };
  for (let seed = 1; seed <= seeds; seed++) {
    const result = await simulate({ seed, events });
    for (const kind of result.faults.keys()) kinds.add(kind);
    for (const what of Object.keys(sums) as (keyof typeof sums)[]) {
      sums[what] += result[what];
    }
  }
  assert(kinds.size > 15, `only ${[...kinds].join(", ")}`);
  for (const [what, sum] of Object.entries(sums)) assert(sum > 0, `no ${what}`);
});

Deno.test("simulate() run twice with one seed takes the same way", async () => {
  const one = await simulate({ seed: 7, events });
  const again = await simulate({ seed: 7, events });
  assertEquals(again.traceHash, one.traceHash);
  assertEquals(again, one);
  const other = await simulate({ seed: 8, events });
  assert(other.traceHash !== one.traceHash);
});

Deno.test("simulate() plays a script of faults instead of those that it would draw", async () => {
  const drawn = await simulate({ seed: 7, events });
  const { script } = drawn;
  const same = await simulate({ seed: 7, events, script });
  assertEquals(same.traceHash, drawn.traceHash);
  const none = await simulate({ seed: 7, events, script: [] });
  assertEquals([none.faults.size, none.terms, none.messagesLost], [0, 1, 0]);
});
