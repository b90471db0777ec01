/**
 * Simulates clusters under faults, one seed after another:
 *
 *     deno task sim [--seeds 100 --events 20000 --seed 1 --threads 2 --script FILE]
 *
 * Prints what went wrong in the clusters and what came of it. Exits with 1 when an invariant broke,
 * with the seed, the shortest script of faults found that breaks it still, and how to play that again.
 * `--brief` prints one line of JSON instead, with the first seed that failed, for sim_mutants.ts.
 */
import { systemClock } from "../../lib/clock.ts";
import { ConveyorError } from "../../lib/errors.ts";
import type { Fault } from "./faults.ts";
import { shrink } from "./shrink.ts";
import { count, readFlags } from "./sim_flags.ts";
import { SimPool } from "./sim_pool.ts";
import type { SimulationOutcome } from "./sim_worker.ts";
import type { SimulationOptions } from "./simulation.ts";
import { Tally } from "./tally.ts";

/** Simulations that the search for a shorter script may take. */
const shrinkTriesMax = 300;

interface Size {
  readonly seeds: number;
  readonly events: number;
  readonly seed: number;
  readonly threads: number;
}

/** What a run came to, in one line. */
export interface BriefReport {
  /** Simulations that were run, and their events together. */
  readonly seeds: number;
  readonly events: number;
  /** The first that failed. */
  readonly failed?: {
    readonly seed: number;
    readonly events: number;
    readonly violation: string;
  };
}

async function main(args: readonly string[]): Promise<number> {
  const { size, script, brief } = await readArgs(args);
  using pool = new SimPool(size.threads);
  const tally = new Tally();
  const fromMs = systemClock.monotonicMs();
  const failed = await runSeeds(pool, size, script, tally);
  if (brief) {
    say(JSON.stringify(briefReport(tally, failed)));
    return failed === undefined ? 0 : 1;
  }
  for (const line of tally.lines(systemClock.monotonicMs() - fromMs)) say(line);
  if (failed === undefined) return 0;
  say(`SEED=${failed.seed} after ${failed.events} events: ${failed.violation}`);
  await explain(pool, size, failed);
  return 1;
}

/** Runs all seeds, or up to the first that fails; gives that one. */
async function runSeeds(
  pool: SimPool,
  { seed: first, seeds, events }: Size,
  script: readonly Fault[] | undefined,
  tally: Tally,
): Promise<SimulationOutcome | undefined> {
  const failed: SimulationOutcome[] = [];
  let next = first;
  const thread = async (): Promise<void> => {
    while (failed.length === 0 && next < first + seeds) {
      const outcome = await pool.run(optionsOf(next++, events, script));
      tally.add(outcome);
      if (outcome.violation !== undefined) failed.push(outcome);
    }
  };
  await Promise.all(Array.from({ length: pool.size }, thread));
  return failed.sort((one, other) => one.seed - other.seed)[0];
}

/** Looks for a shorter script with the same end, and says how to play it. */
async function explain(
  pool: SimPool,
  { events }: Size,
  { seed, script, violation }: SimulationOutcome,
): Promise<void> {
  const kind = kindOf(violation!);
  const shortest = await shrink(
    script,
    async (shorter) => {
      const { violation } = await pool.run({ seed, events, script: shorter });
      return violation !== undefined && kindOf(violation) === kind;
    },
    shrinkTriesMax,
  );
  const { violation: left } = await pool.run({
    seed,
    events,
    script: shortest,
  });
  const file = await Deno.makeTempFile({ suffix: ".json" });
  await Deno.writeTextFile(file, JSON.stringify(shortest, undefined, 1));
  say(`${shortest.length} of its ${script.length} faults are enough:`);
  for (const fault of shortest) say(`  ${JSON.stringify(fault)}`);
  say(`They lead to: ${left}`);
  say(
    `deno task sim --seeds 1 --seed ${seed} --events ${events} --script ${file}`,
  );
}

/** A violation without its numbers: what stays the same when the script changes. */
function kindOf(violation: string): string {
  return violation.split("\n")[0]!.replace(/".*"/g, "").replace(
    /[\d.,]+/g,
    "",
  );
}

function briefReport(
  tally: Tally,
  failed: SimulationOutcome | undefined,
): BriefReport {
  const { seeds, events } = tally;
  if (failed === undefined) return { seeds, events };
  const { seed, events: at, violation } = failed;
  return { seeds, events, failed: { seed, events: at, violation: violation! } };
}

function optionsOf(
  seed: number,
  events: number,
  script: readonly Fault[] | undefined,
): SimulationOptions {
  return { seed, events, ...(script === undefined ? {} : { script }) };
}

async function readArgs(args: readonly string[]): Promise<
  {
    readonly size: Size;
    readonly script: readonly Fault[] | undefined;
    readonly brief: boolean;
  }
> {
  const flags = readFlags(args, {
    seeds: "100",
    events: "20000",
    seed: "1",
    threads: `${navigator.hardwareConcurrency}`,
    script: "",
  }, ["brief"]);
  const script = `${flags["script"]}`;
  return {
    size: {
      seeds: count(flags, "seeds", 1),
      events: count(flags, "events", 1),
      seed: count(flags, "seed", 0),
      threads: count(flags, "threads", 1),
    },
    script: script === ""
      ? undefined
      : JSON.parse(await Deno.readTextFile(script)),
    brief: flags["brief"] === true,
  };
}

function say(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
}

if (import.meta.main) {
  Deno.exit(
    await main(Deno.args).catch((error) => {
      if (!(error instanceof ConveyorError)) throw error;
      say(error.message);
      return 2;
    }),
  );
}
