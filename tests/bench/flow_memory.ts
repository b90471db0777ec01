// deno-lint-ignore-file no-console -- its output is what it is for
/**
 * Whether the memory of a router stays flat: while millions of records pass, and while its sink has
 * stopped answering. Every part is a process of its own. Exits with 1 when its median is over 10 % higher
 * in the second half of either phase than in the first: what the collector leaves behind for a moment
 * is no growth.
 *
 * `deno task bench:memory [--records 20000000] [--stall 30]`
 */
import { parseArgs } from "@std/cli";
import type { SourceReport } from "./flow/source_peer.ts";
import { sourceOf, startRouter } from "./flow/subjects.ts";
import { median } from "./load.ts";
import { rssOf } from "./process_usage.ts";

const batch = 500;
const turnMs = 5_000;
/** By then the heap has the size that the load calls for. */
const warmUpMs = 30_000;
const growthMax = 1.1;

/** Whether the second half of the samples is no higher than the first. */
function flat(what: string, samples: readonly number[]): boolean {
  const middle = samples.length >> 1;
  const early = median(samples.slice(0, middle));
  const late = median(samples.slice(middle));
  const all = samples.map((bytes) => bytes >> 20).join(" ");
  console.log(`${what}: ${early >> 20} MB, then ${late >> 20} MB: ${all}`);
  return late <= early * growthMax;
}

async function run(records: number, stallMs: number): Promise<boolean> {
  await using router = await startRouter();
  await using source = sourceOf(router, batch);
  await source.line();
  await source.ask(`${warmUpMs}`);
  const passing: number[] = [];
  for (let passed = 0; passed < records;) {
    const report = JSON.parse(await source.ask(`${turnMs}`)) as SourceReport;
    passed += report.records;
    passing.push(rssOf(router.pid));
  }
  const passes = flat(`${records} records`, passing);
  await router.stall(true);
  const pushing = source.ask(`${stallMs}`);
  const stalled: number[] = [];
  for (let n = 0; n < 20; n++) {
    await new Promise((resolve) => setTimeout(resolve, stallMs / 20));
    stalled.push(rssOf(router.pid));
  }
  await router.stall(false);
  await pushing;
  return flat(`a sink that stalls for ${stallMs / 1_000} s`, stalled) && passes;
}

const { records, stall } = parseArgs(Deno.args, {
  default: { records: 20_000_000, stall: 30 },
});
if (!await run(Number(records), 1_000 * Number(stall))) Deno.exit(1);
